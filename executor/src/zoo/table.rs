//! The project's table of model profiles: one model a line, columns by name, separated by tabs.
//!
//! Lines that begin with `#` and empty lines are comments; the first other line names the columns:
//! `model`, `input_bytes`, `output_bytes`, `weights_bytes`, `load_ns`, one `exec_b<N>_ns` per batch
//! size in rising order from 1 on (`-` where it is not measured; batch 1 must be), and optionally
//! `source`.

use clockwork_wire::{BatchProfile, BatchSize, ModelProfile, Pages, Span};
use thiserror::Error;

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column `{column}`: {problem}")]
pub struct TableError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column's name, or its number from 1 if it has none.
    pub column: String,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

/// Reads a table.
///
/// # Errors
/// Names the line and column of the first thing that is wrong.
pub fn parse(text: &str) -> Result<Vec<ModelProfile>, TableError> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let Some((line, header)) = lines.next() else {
        return Err(error(1, "model", "the table is empty: a line of column names comes first"));
    };
    let columns = parse_header(line, header)?;
    let mut names = std::collections::BTreeSet::new();
    lines
        .map(|(line, row)| {
            let profile = parse_row(line, row, &columns)?;
            if names.insert(profile.name.clone()) {
                Ok(profile)
            } else {
                let problem = format!("`{}` is in the table already", profile.name);
                Err(error(line, "model", &problem))
            }
        })
        .collect()
}

/// A column that the parser knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Model,
    InputBytes,
    OutputBytes,
    WeightsBytes,
    LoadNs,
    ExecNs(BatchSize),
    Source,
}

impl Column {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "model" => Self::Model,
            "input_bytes" => Self::InputBytes,
            "output_bytes" => Self::OutputBytes,
            "weights_bytes" => Self::WeightsBytes,
            "load_ns" => Self::LoadNs,
            "source" => Self::Source,
            exec => {
                let size = exec.strip_prefix("exec_b")?.strip_suffix("_ns")?;
                Self::ExecNs(BatchSize::new(size.parse().ok()?)?)
            }
        })
    }
}

fn parse_header(line: usize, header: &str) -> Result<Vec<(Column, &str)>, TableError> {
    let mut columns: Vec<(Column, &str)> = Vec::new();
    for name in header.split('\t') {
        let Some(column) = Column::parse(name) else {
            return Err(error(line, name, "no such column; batch sizes are 1 to 256"));
        };
        if columns.iter().any(|&(known, _)| known == column) {
            return Err(error(line, name, "the column is there already"));
        }
        columns.push((column, name));
    }
    for required in ["model", "input_bytes", "output_bytes", "weights_bytes", "load_ns"] {
        if !columns.iter().any(|&(_, name)| name == required) {
            return Err(error(line, required, "the column is missing"));
        }
    }
    let mut sizes = columns.iter().filter_map(|&(column, name)| match column {
        Column::ExecNs(size) => Some((size, name)),
        Column::Model
        | Column::InputBytes
        | Column::OutputBytes
        | Column::WeightsBytes
        | Column::LoadNs
        | Column::Source => None,
    });
    let Some((mut last, _)) = sizes.next().filter(|&(size, _)| size == BatchSize::ONE) else {
        return Err(error(line, "exec_b1_ns", "the first batch size must be 1"));
    };
    for (size, name) in sizes {
        if size <= last {
            return Err(error(line, name, "batch sizes must rise from left to right"));
        }
        last = size;
    }
    Ok(columns)
}

fn parse_row(
    line: usize,
    row: &str,
    columns: &[(Column, &str)],
) -> Result<ModelProfile, TableError> {
    let mut profile = ModelProfile {
        name: String::new(),
        input_size: 0,
        output_size: 0,
        weights_size: 0,
        pages: Pages::ZERO,
        load: Span::ZERO,
        batches: Vec::new(),
    };
    let mut cells = row.split('\t');
    for &(column, name) in columns {
        let Some(cell) = cells.next() else {
            return Err(error(line, name, "the line ends before this column"));
        };
        fill(&mut profile, column, cell).map_err(|problem| error(line, name, &problem))?;
    }
    if cells.next().is_some() {
        let number = (columns.len() + 1).to_string();
        return Err(error(line, &number, "more cells than the table has columns"));
    }
    profile.pages = Pages::holding(profile.weights_size);
    Ok(profile)
}

fn fill(profile: &mut ModelProfile, column: Column, cell: &str) -> Result<(), String> {
    match column {
        Column::Model if cell.is_empty() => return Err("a model needs a name".to_owned()),
        Column::Model => cell.clone_into(&mut profile.name),
        Column::InputBytes => profile.input_size = number(cell)?,
        Column::OutputBytes => profile.output_size = number(cell)?,
        Column::WeightsBytes => profile.weights_size = number(cell)?,
        Column::LoadNs => profile.load = Span::new(number(cell)?),
        Column::ExecNs(batch) if cell == "-" && batch > BatchSize::ONE => {}
        Column::ExecNs(batch) => {
            let exec = Span::new(number(cell)?);
            profile.batches.push(BatchProfile { batch, exec });
        }
        Column::Source => {}
    }
    Ok(())
}

fn number<T: std::str::FromStr>(cell: &str) -> Result<T, String> {
    cell.parse().map_err(|_| format!("`{cell}` is not a whole number, or too large"))
}

fn error(line: usize, column: &str, problem: &str) -> TableError {
    TableError { line, column: column.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "model\tinput_bytes\toutput_bytes\tweights_bytes\tload_ns\texec_b1_ns\texec_b2_ns";

    fn fails(table: &str) -> (usize, String) {
        let error = parse(table).unwrap_err();
        (error.line, error.column)
    }

    #[test]
    fn a_batch_size_that_is_not_measured_is_left_out() {
        let table = format!("# comment\n{HEADER}\n\nm\t8\t4\t20000000\t5\t6\t-\n");
        let profile = &parse(&table).unwrap()[0];
        assert_eq!((profile.pages, profile.batches.len()), (Pages::new(2), 1));
    }

    #[test]
    fn errors_name_line_and_column() {
        assert_eq!(fails(""), (1, "model".to_owned()));
        assert_eq!(fails("model\tfoo"), (1, "foo".to_owned()));
        assert_eq!(fails("model\tmodel"), (1, "model".to_owned()));
        assert_eq!(fails("model\tinput_bytes"), (1, "output_bytes".to_owned()));
        let row = |row: &str| fails(&format!("#\n{HEADER}\n{row}"));
        assert_eq!(row("m\t8\t4\t2\t5\t6"), (3, "exec_b2_ns".to_owned()));
        assert_eq!(row("m\t8\tx\t2\t5\t6\t7"), (3, "output_bytes".to_owned()));
        assert_eq!(row("m\t5000000000\t4\t2\t5\t6\t7"), (3, "input_bytes".to_owned()));
        assert_eq!(row("m\t8\t4\t2\t5\t-\t7"), (3, "exec_b1_ns".to_owned()));
        assert_eq!(row("m\t8\t4\t2\t5\t6\t7\t8"), (3, "8".to_owned()));
        assert_eq!(row("m\t8\t4\t2\t5\t6\t7\nm\t8\t4\t2\t5\t6\t7"), (4, "model".to_owned()));
    }

    #[test]
    fn batch_sizes_rise_from_one() {
        let swapped =
            HEADER.replace("exec_b1_ns\texec_b2_ns", "exec_b1_ns\texec_b4_ns\texec_b2_ns");
        assert_eq!(fails(&swapped), (1, "exec_b2_ns".to_owned()));
        assert_eq!(fails(&HEADER.replace("\texec_b1_ns", "")), (1, "exec_b1_ns".to_owned()));
    }
}
