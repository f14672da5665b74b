//! `qsim pipeline`: the map of the services, and the contracts of their streams and keys.

mod picture;

use std::path::PathBuf;
use std::process::ExitCode;

use ::pipeline::audited::AUDITED;
use ::pipeline::map::PipelineMap;
use ::pipeline::{PipelineSettings, catalogue, contracts};
use clap::{Args, Subcommand, ValueEnum};
use scenarios::Scenario;

use crate::{misuse, print};

/// Arguments of `qsim pipeline`.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    #[command(subcommand)]
    command: PipelineCommand,
}

#[derive(Debug, Subcommand)]
enum PipelineCommand {
    /// Print which services run, what they read and write, and what begins or ends nowhere.
    Show {
        /// The scenario whose settings are taken [default: the settings that hold without any].
        scenario: Option<PathBuf>,
        /// How to print it.
        #[arg(long, value_enum, default_value_t = MapFormat::Text)]
        format: MapFormat,
    },
    /// Print the contracts of all streams and keys, as Markdown.
    Contracts,
    /// Print the catalogue of all services, as Markdown.
    Catalogue,
    /// Print the behaviours of the audits that a scenario can bring back, and their incidents.
    Audited,
    /// Train trees on the outcomes of journals, and compare them with a constant.
    #[cfg(feature = "models")]
    Learn(crate::learn::LearnArgs),
    /// Train trees on the outcomes of journals (this build cannot: it lacks `--features models`).
    #[cfg(not(feature = "models"))]
    Learn {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MapFormat {
    /// Lines for people.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// A picture.
    Svg,
}

/// Runs `qsim pipeline`.
pub fn run(arguments: &PipelineArgs) -> ExitCode {
    let (scenario, format) = match &arguments.command {
        PipelineCommand::Contracts => {
            print(contracts::markdown().trim_end());
            return ExitCode::SUCCESS;
        }
        PipelineCommand::Catalogue => {
            print(catalogue::markdown().trim_end());
            return ExitCode::SUCCESS;
        }
        PipelineCommand::Audited => {
            for behaviour in AUDITED {
                let services = behaviour.services.join(", ");
                let (name, about) = (behaviour.name, behaviour.about.trim());
                print(&format!("{name}\n  {about}\n  {services}; {}", behaviour.belongs_to));
            }
            return ExitCode::SUCCESS;
        }
        #[cfg(feature = "models")]
        PipelineCommand::Learn(arguments) => return crate::learn::run(arguments),
        #[cfg(not(feature = "models"))]
        PipelineCommand::Learn { .. } => {
            return misuse(
                "this build trains no models: `cargo build --release --features models` makes one that does",
            );
        }
        PipelineCommand::Show { scenario, format } => (scenario, format),
    };
    let settings = match scenario.as_deref().map(Scenario::read).transpose() {
        Ok(scenario) => scenario.map_or_else(PipelineSettings::default, |s| s.pipeline),
        Err(error) => return misuse(error),
    };
    match PipelineMap::of(&settings, &[]) {
        Ok(map) => {
            let text = match format {
                MapFormat::Text => map.text(),
                MapFormat::Mermaid => map.mermaid(),
                MapFormat::Svg => picture::svg(&map),
            };
            print(text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => misuse(error),
    }
}
