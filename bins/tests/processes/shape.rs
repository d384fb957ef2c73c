//! Compares lines by their shape: values differ from run to run.

/// Checks that lines of these shapes occur in this order; other lines may stand between them.
/// `*` stands for any text.
pub(crate) fn assert_in_order(lines: &[String], shapes: &[&str]) {
    let mut rest = lines.iter();
    for shape in shapes {
        assert!(
            rest.any(|line| fits(shape, line)),
            "`{shape}` is missing, or out of its place, in\n{}",
            lines.join("\n")
        );
    }
}

/// Whether a line has a shape.
pub(crate) fn fits(shape: &str, line: &str) -> bool {
    let mut parts = shape.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_star_stands_for_any_text() {
    assert!(fits("min=* max=* end", "min=1.5 max=7 end"));
    assert!(fits("exact", "exact") && !fits("exact", "exactly"));
    assert!(!fits("min=* max=*", "max=7 min=1"));
    assert!(fits("*", "") && fits("Lost *", "Lost worker"));
}
