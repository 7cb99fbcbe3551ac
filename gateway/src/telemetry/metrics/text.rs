//! Readings as Prometheus text, version 0.0.4.

use super::BOUNDS;
use super::reading::{Kind, Point, Reading, Value, underlined};
use std::fmt::Write as _;

/// Prints readings.
pub(super) fn print(readings: &[Reading]) -> String {
    let mut text = String::with_capacity(8192);
    for reading in readings {
        let name = reading.prometheus_name();
        let kind = match reading.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = reading.help;
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for point in &reading.points {
            line(&mut text, &name, point);
        }
    }
    text
}

fn line(text: &mut String, name: &str, point: &Point) {
    let own = labels(point);
    let braced = |more: &str| match (own.as_str(), more) {
        ("", "") => String::new(),
        (own, "") => format!("{{{own}}}"),
        ("", more) => format!("{{{more}}}"),
        (own, more) => format!("{{{own},{more}}}"),
    };
    let _ = match &point.value {
        Value::Whole(value) => writeln!(text, "{name}{} {value}", braced("")),
        Value::Real(value) => writeln!(text, "{name}{} {value}", braced("")),
        Value::Buckets(counts, sum) => {
            let mut below: u64 = 0;
            let bounds = BOUNDS.iter().map(f64::to_string);
            for (count, bound) in counts.iter().zip(bounds.chain(["+Inf".to_owned()])) {
                below = below.saturating_add(*count);
                let at = braced(&format!("le=\"{bound}\""));
                let _ = writeln!(text, "{name}_bucket{at} {below}");
            }
            let at = braced("");
            writeln!(text, "{name}_sum{at} {sum}\n{name}_count{at} {below}")
        }
    };
}

fn labels(point: &Point) -> String {
    let mut text = String::new();
    for (name, value) in &point.labels {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{}=\"", underlined(name));
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::reading::Unit;
    use super::*;

    #[test]
    fn a_label_cannot_leave_its_quotes() {
        let labels = vec![("gen_ai.tool.name", "a\"} 1\nforged 2\\".into())];
        let points = vec![Point::of(labels, Value::Whole(3))];
        let reading = Reading::new("x.y", (Kind::Gauge, Unit::None), "Help.", points);
        assert_eq!(
            print(&[reading]),
            "# HELP x_y Help.\n# TYPE x_y gauge\nx_y{gen_ai_tool_name=\"a\\\"} 1\\nforged 2\\\\\"} 3\n"
        );
    }

    #[test]
    fn buckets_add_up() {
        let mut counts = vec![0; BOUNDS.len() + 1];
        counts[0] = 2;
        counts[BOUNDS.len()] = 1;
        let points = Point::alone(Value::Buckets(counts, 301.5));
        let reading = Reading::new("d", (Kind::Histogram, Unit::Seconds), "Help.", points);
        let text = print(&[reading]);
        for line in [
            "d_seconds_bucket{le=\"0.01\"} 2\n",
            "d_seconds_bucket{le=\"300\"} 2\n",
            "d_seconds_bucket{le=\"+Inf\"} 3\n",
            "d_seconds_sum 301.5\n",
            "d_seconds_count 3\n",
        ] {
            assert!(text.contains(line), "{line}:\n{text}");
        }
    }
}
