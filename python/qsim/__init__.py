"""Python side of qsim, a deterministic simulation of a crypto-futures trading pipeline."""
