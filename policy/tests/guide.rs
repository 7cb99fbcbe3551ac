//! The guide to policies tells the truth: every TOML block in it compiles, and every test in one passes.

use policy::cases::{read, run};
use policy::{Document, Now, Report, Source, compile};

const GUIDE: &str = include_str!("../../docs/policy.md");
const NOW: Now = Now(1_800_000_000);

/// What blocks speak of without saying what it is; a block that says it itself goes without.
const BASE: [(&str, &str); 6] = [
    (
        "[agents.reconciler]",
        "envelope = { tools = [\"ledger/**\"], effects = [\"read\", \"write\"] }",
    ),
    (
        "[agents.ci-build]",
        "envelope = { tools = [\"ledger/**\"] }",
    ),
    ("[servers.ledger]", "egress = \"internal\""),
    ("[servers.files]", ""),
    ("[servers.github]", ""),
    ("[servers.mail]", ""),
];

/// The TOML blocks, in order.
fn blocks() -> Vec<&'static str> {
    let rest = GUIDE.split("```toml\n").skip(1);
    rest.map(|rest| rest.split("```").next().unwrap_or_default())
        .collect()
}

/// A block as a whole policy: keys without a table are a rule's, or an agent's where they are an envelope.
fn whole(block: &str) -> String {
    let mut lines = block
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default();
    let says = ["allow", "ask", "deny"];
    let says = says
        .iter()
        .any(|key| block.lines().any(|line| line.starts_with(key)));
    let head = match (first.starts_with('['), first.starts_with("envelope")) {
        (true, _) => "",
        (false, true) => "[agents.some]\n",
        (false, false) if says => "[[rules]]\nname = \"some\"\n",
        (false, false) => "[[rules]]\nname = \"some\"\nallow = true\n",
    };
    let mut text = format!("{head}{block}\n");
    for (table, keys) in BASE {
        if !text.contains(table) {
            text += &format!("{table}\n{keys}\n");
        }
    }
    text
}

#[test]
fn every_block_of_the_guide_compiles_and_its_tests_pass() {
    let blocks = blocks();
    assert!(
        blocks.len() > 1,
        "the guide has no blocks: {}",
        blocks.len()
    );
    let mut tests = 0;
    for block in blocks {
        let text = whole(block);
        let sources = vec![Source::new("guide", text.as_str())];
        let (document, mut found) = Document::read(sources.clone());
        let Some(document) = document else {
            panic!("{}", Report::new(sources, found).human(false));
        };
        let (policy, mistakes) = compile(&document);
        found.extend(mistakes);
        let report = Report::new(sources, found);
        assert_eq!(report.errors(), 0, "{text}\n{}", report.human(false));
        let (cases, _) = read(&document, &policy);
        for (case, ran) in cases.iter().zip(run(&policy, &cases, NOW)) {
            assert!(ran.passed, "{}: {ran:?}\n{text}", case.name);
            tests += 1;
        }
    }
    assert!(tests > 1, "no block shows tests");
}
