//! The part of the client's help text that lists the workloads.

use std::iter;

use crate::{Parameter, Workload, registry::WORKLOADS};

/// `Available workloads with parameters:`, and per workload its name, description and parameters.
pub fn help() -> String {
    let workloads = WORKLOADS.iter().map(workload_help);
    iter::once("Available workloads with parameters:\n".into()).chain(workloads).collect()
}

fn workload_help(workload: &Workload) -> String {
    let Workload { name, description, differs, parameters, .. } = workload;
    let mut head = format!("\t{name}\n\t\tDescription: {description}\n");
    if !differs.is_empty() {
        head = head + "\t\tUnlike the original: " + differs + "\n";
    }
    head += "\t\tWorkload parameters:";
    if parameters.is_empty() {
        return head + " none\n";
    }
    parameters.iter().map(parameter_help).fold(head + "\n", |text, line| text + &line)
}

fn parameter_help(parameter: &Parameter) -> String {
    let Parameter { name, kind, default, meaning } = parameter;
    match default {
        Some(default) => format!("\t\t\t{name}: ({kind}, default {default}) {meaning}\n"),
        None => format!("\t\t\t{name}: ({kind}) {meaning}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_and_parameter_is_described() {
        let text = help();
        assert!(text.starts_with("Available workloads with parameters:\n\texample\n"));
        assert!(text.contains("\t\t\tnum_models: (int, default 15) "), "{text}");
        for workload in &WORKLOADS {
            assert!(text.contains(&format!("\t{}\n\t\tDescription: ", workload.name)));
            assert!(workload.parameters.iter().all(|p| text.contains(p.meaning)));
        }
    }
}
