//! Recorded depth.
