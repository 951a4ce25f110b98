//! Writes what the fuzzers begin with, beside what they have found: `fuzz/corpus`.

use std::{collections::BTreeMap, fs, io, path::Path};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut counts = BTreeMap::<&str, usize>::new();
    for (target, bytes) in hostile_tests::seeds::seeds() {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        let count = counts.entry(target).or_default();
        fs::write(folder.join(format!("seed-{count:03}")), bytes)?;
        *count += 1;
    }
    Ok(())
}
