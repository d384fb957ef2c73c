//! One HTML page that needs nothing else.

use std::fmt::Write as _;

use clockwork_analysis::Summary;
use clockwork_analysis::summary::{DeviceSummary, ErrorSummary};
use clockwork_wire::Status;

use super::Measured;
use super::table::{METRICS, shown};

/// A page that grows.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new() -> Self {
        Self(HEAD.to_owned())
    }

    /// Figures under a heading; nothing without figures.
    pub(super) fn section(&mut self, title: &str, svgs: &[String]) {
        if svgs.is_empty() {
            return;
        }
        self.push(&format!("<h2>{}</h2>\n", escaped(title)));
        self.figures(svgs);
    }

    /// Begins something that can be folded away.
    pub(super) fn open(&mut self, title: &str) {
        self.push(&format!("<details open><summary><h2>{}</h2></summary>\n", escaped(title)));
    }

    /// Ends it.
    pub(super) fn close(&mut self) {
        self.push("</details>\n");
    }

    /// A text under a word; nothing without a text.
    pub(super) fn paragraph(&mut self, word: &str, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.push(&format!("<p><b>{}:</b> {}</p>\n", escaped(word), escaped(text)));
        }
    }

    /// A table under a heading; nothing if it has but a head.
    pub(super) fn part(&mut self, title: &str, rows: &[Vec<String>]) {
        if rows.len() > 1 {
            self.push(&format!("<h3>{}</h3>\n", escaped(title)));
            self.rows(rows);
        }
    }

    /// The same, folded away.
    pub(super) fn folded(&mut self, title: &str, rows: &[Vec<String>]) {
        if rows.len() > 1 {
            let title = escaped(title);
            self.push(&format!("<details><summary><h3>{title}</h3></summary>\n"));
            self.rows(rows);
            self.close();
        }
    }

    /// All runs, one a column.
    pub(super) fn table(&mut self, runs: &[Measured]) {
        let mut rows = vec![vec![String::new()]];
        rows[0].extend(runs.iter().map(|run| run.named.name.clone()));
        for metric in &METRICS {
            let values = runs.iter().map(|run| shown((metric.of)(&run.analysis.summary)));
            rows.push([metric.title.to_owned()].into_iter().chain(values).collect());
        }
        self.push("<h2>In figures</h2>\n");
        self.rows(&rows);
    }

    /// One run: what was wrong with its logs, its figures, its tables.
    pub(super) fn run(&mut self, run: &Measured, svgs: &[String]) {
        self.open(&run.named.title());
        for problem in &run.problems {
            self.push(&format!("<p class=\"problem\">{}</p>\n", escaped(problem)));
        }
        self.figures(svgs);
        let summary = &run.analysis.summary;
        self.outcomes(summary);
        self.groups(summary);
        self.errors(summary);
        self.devices(&summary.actions.devices);
    }

    /// A picture of the run's devices.
    pub(super) fn timeline(&mut self, svg: &str) {
        self.push(&format!("<h3>In the middle of the run</h3>\n<figure>{svg}</figure>\n"));
    }

    pub(super) fn finish(mut self) -> String {
        self.push("</body>\n</html>\n");
        self.0
    }

    /// Figures beside each other.
    pub(super) fn figures(&mut self, svgs: &[String]) {
        self.push("<div class=\"figures\">\n");
        for svg in svgs {
            self.push(&format!("<figure>{svg}</figure>\n"));
        }
        self.push("</div>\n");
    }

    /// How requests and actions ended.
    fn outcomes(&mut self, summary: &Summary) {
        let kinds = [
            ("requests", &summary.requests.statuses),
            ("INFERs", &summary.actions.infer.statuses),
            ("LOADs", &summary.actions.load.statuses),
        ];
        let mut rows = vec![["what", "status", "meaning", "number"].map(str::to_owned).to_vec()];
        for (kind, statuses) in kinds {
            rows.extend(statuses.iter().map(|(status, count)| {
                let text = Status::new(*status).text().to_owned();
                vec![kind.to_owned(), status.to_string(), text, count.to_string()]
            }));
        }
        self.part("Outcomes", &rows);
    }

    fn groups(&mut self, summary: &Summary) {
        let head =
            ["group", "goodput (1/s)", "offered (1/s)", "in time (%)", "p50 (ms)", "p99 (ms)"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(summary.groups.iter().map(|group| {
            let requests = &group.requests;
            let latency = requests.latency_ms;
            let values = [requests.goodput, requests.offered, 100.0 * requests.satisfaction];
            let values = values.into_iter().chain([latency.p50, latency.p99]).map(shown);
            [group.name.clone()].into_iter().chain(values).collect()
        }));
        self.part("Groups", &rows);
    }

    fn errors(&mut self, summary: &Summary) {
        let (infer, load) = (&summary.actions.infer, &summary.actions.load);
        let kinds = [
            ("INFER prediction", infer.prediction_error_ms),
            ("INFER completion", infer.completion_error_ms),
            ("LOAD prediction", load.prediction_error_ms),
            ("LOAD completion", load.completion_error_ms),
        ];
        let head = ["error (ms)", "sign", "number", "mean", "p50", "p99", "p99.9", "max"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for (name, ErrorSummary { over, under, .. }) in kinds {
            for (sign, q) in [("more than expected", over), ("less", under)] {
                let values = [q.mean, q.p50, q.p99, q.p999, q.max].map(shown);
                let cells = [name.to_owned(), sign.to_owned(), q.count.to_string()];
                rows.push(cells.into_iter().chain(values).collect());
            }
        }
        self.part("Predictions", &rows);
    }

    fn devices(&mut self, devices: &[DeviceSummary]) {
        let head = [
            "device",
            "INFERs",
            "LOADs",
            "EVICTs",
            "refused",
            "batch size",
            "GPU (%)",
            "in time (%)",
            "PCI (%)",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(devices.iter().take(DEVICES).map(|DeviceSummary { worker, gpu, work: w }| {
            let counts = [w.infers, w.loads, w.evictions, w.failed].map(|count| count.to_string());
            let parts = [w.gpu_utilisation, w.gpu_goodput, w.pci_utilisation];
            let parts = parts.map(|part| shown(100.0 * part));
            let name = format!("W{worker}-GPU{gpu}");
            [name].into_iter().chain(counts).chain([shown(w.batch_size)]).chain(parts).collect()
        }));
        self.part("Devices", &rows);
        if devices.len() > DEVICES {
            self.push(&format!(
                "<p>... and {} more, in report.json</p>\n",
                devices.len() - DEVICES
            ));
        }
    }

    /// A table whose first row is its head.
    fn rows(&mut self, rows: &[Vec<String>]) {
        self.push("<div class=\"table\"><table>\n");
        for (number, row) in rows.iter().enumerate() {
            let tag = if number == 0 { "th" } else { "td" };
            let cells = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
            let cells: String = cells.collect();
            writeln!(self.0, "<tr>{cells}</tr>").expect("a string takes every character");
        }
        self.push("</table></div>\n");
    }

    fn push(&mut self, text: &str) {
        self.0.push_str(text);
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Devices that a page lists.
const DEVICES: usize = 200;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Clockwork report</title>
<style>
body { font-family: sans-serif; margin: 2em auto; max-width: 1600px; padding: 0 1em; color: #222; }
h2, summary h3 { display: inline-block; margin: 1em 0 0.4em; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(520px, 1fr)); gap: 0.6em; }
figure { margin: 0; border: 1px solid #ddd; }
figure svg { width: 100%; height: auto; display: block; }
.table { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.4em 0; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid #ddd; padding: 0.2em 0.6em; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.problem { background: #fff3d6; border-left: 4px solid #e0a000; padding: 0.4em 0.8em; }
</style>
</head>
<body>
<h1>Clockwork report</h1>
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_files_cannot_become_markup() {
        assert_eq!(escaped("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
