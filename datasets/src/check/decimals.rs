//! Values with more decimals than can have been published, or than a run has room for.

use super::Findings;
use crate::decimal::PUBLISHED_MAX;
use crate::kind::SeriesId;
use crate::rows::{Decimals, Role, Row, columns};
use crate::store::FileInfo;

/// Decimals of price and quantity together that the simulated exchange takes: beyond them, an amount of
/// money may not fit.
const GRID_MAX: u32 = 12;

/// The decimals that the rows of a file need.
fn needed(file: &FileInfo) -> Decimals {
    file.groups.iter().fold(Decimals::default(), |all, group| all.max(group.decimals))
}

/// Looks at what the footers tell.
pub(super) fn look(id: &SeriesId, files: &[FileInfo], findings: &mut Findings) {
    for file in files {
        let Decimals { price, qty } = needed(file);
        let too_fine = [("price", price), ("quantity", qty)];
        if let Some((what, found)) = too_fine.into_iter().find(|(_, found)| *found > PUBLISHED_MAX)
        {
            findings.add("decimals", 1, file.first_us, false, || {
                format!(
                    "{} (of {}) has a {what} with {found} decimals, and no exchange publishes more than \
                     {PUBLISHED_MAX}: delete it, and import the file as it was published",
                    file.path.display(),
                    file.source.path
                )
            });
        }
    }
    let both =
        [Role::Price, Role::Qty].iter().all(|role| columns(id.kind).iter().any(|c| c.1 == *role));
    let of_price = files.iter().max_by_key(|file| needed(file).price);
    let of_qty = files.iter().max_by_key(|file| needed(file).qty);
    let (Some(of_price), Some(of_qty)) = (of_price, of_qty) else {
        return;
    };
    let (price, qty) = (needed(of_price).price, needed(of_qty).qty);
    let is_published = price.max(qty) <= PUBLISHED_MAX;
    if id.kind.is_replayed() && both && is_published && price + qty > GRID_MAX {
        findings.add("decimals", 1, of_price.first_us, false, || {
            format!(
                "prices need {price} decimals ({}) and quantities {qty} ({}), and a run has room for {GRID_MAX} \
                 together: delete the file that has more than the exchange publishes",
                of_price.path.display(),
                of_qty.path.display()
            )
        });
    }
}

/// Whether all values of a row fit 64 bits beside those of the other files.
pub(super) fn fits(id: &SeriesId, row: &Row, [price, qty]: [i128; 2]) -> bool {
    row.iter().zip(columns(id.kind)).all(|(&value, (_, role))| match role {
        Role::Price => i64::try_from(i128::from(value) * price).is_ok(),
        Role::Qty => i64::try_from(i128::from(value) * qty).is_ok(),
        Role::Time | Role::Plain | Role::Share => true,
    })
}

/// What is to be said of a value of `file` that does not fit beside those of `files`.
pub(crate) fn too_wide(file: &FileInfo, files: &[&FileInfo]) -> String {
    let finest = |what: &str, of: fn(&FileInfo) -> u32| {
        let finest = files.iter().copied().max_by_key(|other| of(other));
        let finest = finest.filter(|finest| of(finest) > of(file));
        finest.map(|finest| format!("{} {what} decimals of {}", of(finest), finest.path.display()))
    };
    let parts =
        [finest("price", |file| file.decimals.price), finest("quantity", |file| file.decimals.qty)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!(
        "{}: a value does not fit 64 bits with the {}; delete the file that has more decimals than the \
         exchange publishes",
        file.path.display(),
        parts.join(" and the ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use crate::DataError;
    use crate::catalogue::Catalogue;
    use crate::kind::{Kind, SeriesId};
    use crate::replay::Range;
    use crate::rows::Decimals;
    use crate::series_rows::SeriesRows;
    use crate::store::{FileInfo, FileWriter, Origin, info};

    fn id() -> SeriesId {
        let symbol = "BTCUSDT".parse().expect("a symbol");
        SeriesId { kind: Kind::Trades, symbol, interval: None }
    }

    /// A file with a trade of this second, price and quantity, as an import without bounds would write it.
    fn file(
        folder: &std::path::Path,
        second: i64,
        values: [i64; 2],
        decimals: [u32; 2],
    ) -> FileInfo {
        let place = folder.join(format!("trades/BTCUSDT/{second}.parquet"));
        std::fs::create_dir_all(place.parent().expect("a parent")).expect("a folder");
        std::fs::File::create_new(&place).expect("a file");
        let scale = Decimals { price: decimals[0], qty: decimals[1] };
        let mut writer = FileWriter::new(place.clone(), id(), scale).expect("a writer");
        let [price, qty] = values;
        writer.push(&[second * 1_000_000, second, price, qty, 0, 0, 0, 0]).expect("written");
        writer.finish(Origin { path: format!("{second}.csv"), first_line: 1 }).expect("written");
        info(&place).expect("readable")
    }

    fn found(files: &[FileInfo]) -> Vec<(&'static str, u64, String)> {
        let (check, _) = check(&id(), files, &[]).expect("readable");
        check.findings.into_iter().map(|f| (f.what, f.count, f.detail)).collect()
    }

    #[test]
    fn decimals_that_nobody_publishes() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = file(folder.path(), 1, [100, 5], [2, 3]);
        assert_eq!(found(std::slice::from_ref(&good)), []);
        let float = 12_300_000_000_000_001;
        let all = [good, file(folder.path(), 2, [100, float], [2, 15])];
        let found = found(&all);
        assert_eq!((found[0].0, found[0].1), ("decimals", 1), "{found:?}");
        for part in ["2.parquet", "2.csv", "a quantity with 15 decimals", "delete it"] {
            assert!(found[0].2.contains(part), "{part}: {found:?}");
        }
    }

    #[test]
    fn decimals_that_no_run_has_room_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let prices = file(folder.path(), 1, [1, 5], [7, 3]);
        let found = found(&[prices, file(folder.path(), 2, [100, 1], [2, 6])]);
        let [(what, 1, detail)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(*what, "decimals");
        for part in
            ["prices need 7 decimals", "1.parquet", "quantities 6", "2.parquet", "12 together"]
        {
            assert!(detail.contains(part), "{part}: {detail}");
        }
    }

    /// Neither is damaged: the message names both.
    #[test]
    fn values_that_do_not_fit_beside_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let wide = file(folder.path(), 1, [100, i64::MAX / 1_000], [2, 0]);
        let fine = file(folder.path(), 2, [100, 5], [2, 4]);
        let found = found(&[wide, fine]);
        let [(what, 1, detail)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(*what, "decimals");
        let catalogue = Catalogue::open(folder.path()).expect("a data set");
        let mut rows = SeriesRows::open(&catalogue, &id(), Range::ALL).expect("rows");
        let error = rows.next().expect_err("too wide");
        assert!(matches!(error, DataError::Misuse(_)), "{error}");
        for text in [detail, &error.to_string()] {
            for part in
                ["1.parquet: a value does not fit", "the 4 quantity decimals of", "2.parquet;"]
            {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
    }
}
