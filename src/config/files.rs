//! Which files there are, and what is in them.
//!
//! Files are found as the UAPI configuration specification and systemd do it: of the files of one
//! name the one in the highest directory counts (`/etc`, then `/run`, then `/usr/local/lib`, then
//! `/usr/lib`), and an empty file or a link to `/dev/null` masks those below it. Nothing has to be
//! there. Links are followed as the running system sees them, also below another root.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::text::{Place, Text};

/// The largest file that is read, in bytes: a hundred times a long filter. What is larger was put
/// there by mistake.
const FILE_LIMIT: u64 = 1024 * 1024;

const MAIN: [&str; 4] = [
    "etc/journalban/journalban.toml",
    "run/journalban/journalban.toml",
    "usr/local/lib/journalban/journalban.toml",
    "usr/lib/journalban/journalban.toml",
];
const JAIL_DROP_INS: [&str; 2] = ["etc/journalban/jail.d", "run/journalban/jail.d"];
const VENDOR_JAILS: [&str; 2] = ["usr/local/lib/journalban/jails", "usr/lib/journalban/jails"];
const ADMIN_FILTERS: [&str; 2] = ["etc/journalban/filter.d", "run/journalban/filter.d"];
const VENDOR_FILTERS: [&str; 2] = [
    "usr/local/lib/journalban/filters",
    "usr/lib/journalban/filters",
];
const ADMIN_HOOKS: [&str; 2] = ["etc/journalban/hook.d", "run/journalban/hook.d"];
const VENDOR_HOOKS: [&str; 2] = ["usr/local/lib/journalban/hooks", "usr/lib/journalban/hooks"];
const SERVICES: &str = "etc/services";

/// One file.
#[derive(Debug)]
pub(super) struct Found {
    /// Its path, for people.
    pub file: String,
    /// Its name without `.toml`.
    pub stem: String,
    /// Whether it came with a package.
    pub vendor: bool,
    /// What is in it, or why it could not be read.
    pub text: Result<Text, Problem>,
}

/// All files of a configuration.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// `journalban.toml`.
    pub main: Option<Found>,
    /// Files with jails, in the order in which they apply: vendor first, each sorted by name.
    pub jails: Vec<Found>,
    /// Files with one filter each.
    pub filters: Vec<Found>,
    /// Files with one hook each.
    pub hooks: Vec<Found>,
    /// `/etc/services`, empty if it cannot be read: the names known without it remain.
    pub services: String,
    /// Directories that could not be listed, and files whose name says nothing.
    pub problems: Vec<Problem>,
    /// Whether a directory could not be listed, so that nobody knows what is missing.
    pub incomplete: bool,
}

/// File name → the file that counts, and whether it is a vendor's; `None` is masked.
type Names = BTreeMap<String, Option<(PathBuf, bool)>>;

/// Finds and reads all files below `root`.
pub(super) fn find(root: &Path) -> Files {
    let mut files = Files::default();

    for path in MAIN.map(|path| root.join(path)) {
        if fs::symlink_metadata(&path).is_ok() {
            files.main = (!is_mask(&path)).then(|| found("journalban.toml", &path, false));
            break;
        }
    }

    let mut drop_ins = Names::new();
    let mut vendor = Names::new();
    files.list(root, &JAIL_DROP_INS, false, &mut drop_ins);
    files.list(root, &VENDOR_JAILS, true, &mut vendor);
    // A drop-in extends the vendor's file of the same name, but a mask masks that one too.
    vendor.retain(|name, _| drop_ins.get(name) != Some(&None));
    files.jails = read_all(vendor).chain(read_all(drop_ins)).collect();

    let mut filters = Names::new();
    files.list(root, &ADMIN_FILTERS, false, &mut filters);
    files.list(root, &VENDOR_FILTERS, true, &mut filters);
    files.filters = read_all(filters).collect();

    let mut hooks = Names::new();
    files.list(root, &ADMIN_HOOKS, false, &mut hooks);
    files.list(root, &VENDOR_HOOKS, true, &mut hooks);
    files.hooks = read_all(hooks).collect();

    files.services = read_limited(&root.join(SERVICES))
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    files
}

impl Files {
    /// Adds the files of `directories`, highest first, unless a higher one has the name already.
    fn list(&mut self, root: &Path, directories: &[&str], vendor: bool, names: &mut Names) {
        for directory in directories.iter().map(|directory| root.join(directory)) {
            let listed: io::Result<Vec<PathBuf>> = fs::read_dir(&directory)
                .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
            let paths = match listed {
                Ok(paths) => paths,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.problem(
                        &directory,
                        format_args!("cannot list the directory: {error}"),
                    );
                    self.incomplete = true;
                    continue;
                }
            };
            // Hidden files and other endings are editors' and package managers' leavings.
            let toml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "toml");
            for path in paths.into_iter().filter(toml) {
                match path.file_name().and_then(|name| name.to_str()) {
                    Some(name) if name.starts_with('.') => {}
                    Some(name) => {
                        names
                            .entry(name.to_owned())
                            .or_insert_with(|| (!is_mask(&path)).then(|| (path.clone(), vendor)));
                    }
                    None => self.problem(&path, "the file name is not UTF-8"),
                }
            }
        }
    }

    fn problem(&mut self, path: &Path, what: impl std::fmt::Display) {
        let place = Place::beginning(&path.display().to_string());
        self.problems.push(Problem::new(&place, what));
    }
}

/// Whether `path` only hides what is below it: an empty file, or a link to `/dev/null`.
fn is_mask(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null"))
        || fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

fn read_all(names: Names) -> impl Iterator<Item = Found> {
    names.into_iter().filter_map(|(name, file)| {
        let (path, vendor) = file?;
        Some(found(&name, &path, vendor))
    })
}

fn found(name: &str, path: &Path, vendor: bool) -> Found {
    Found {
        file: path.display().to_string(),
        stem: name.trim_end_matches(".toml").to_owned(),
        vendor,
        text: read(path),
    }
}

fn read(path: &Path) -> Result<Text, Problem> {
    let shown = path.display().to_string();
    let bytes = read_limited(path).map_err(|error| {
        Problem::new(
            &Place::beginning(&shown),
            format_args!("cannot read the file: {error}"),
        )
    })?;
    String::from_utf8(bytes)
        .map(|content| Text::new(&shown, content))
        .map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
            let place = Text::new(&shown, before).place(good);
            Problem::new(&place, "not UTF-8, which TOML has to be")
        })
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    // Asked before it is opened: to open a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(io::Error::other(format!("larger than {FILE_LIMIT} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes directories");
        fs::write(path, content).expect("writes");
    }

    fn shown(found: &[Found]) -> Vec<(&str, &str)> {
        found
            .iter()
            .map(|found| {
                let content = found.text.as_ref().map_or("(problem)", Text::content);
                (found.stem.as_str(), content)
            })
            .collect()
    }

    #[test]
    fn an_empty_root_is_fine() {
        let root = tempfile::tempdir().expect("a directory");
        let files = find(root.path());
        assert!(files.main.is_none() && files.jails.is_empty() && files.filters.is_empty());
        assert_eq!(files.problems, []);
    }

    #[test]
    fn the_highest_directory_wins_and_masks_mask() {
        let root = tempfile::tempdir().expect("a directory");
        let root = root.path();
        write(root, "usr/lib/journalban/filters/a.toml", "usr");
        write(root, "usr/local/lib/journalban/filters/a.toml", "local");
        write(root, "usr/lib/journalban/filters/b.toml", "usr");
        write(root, "run/journalban/filter.d/b.toml", "run");
        write(root, "etc/journalban/filter.d/b.toml", "etc");
        write(root, "usr/lib/journalban/filters/c.toml", "usr");
        write(root, "etc/journalban/filter.d/c.toml", "");
        write(root, "usr/lib/journalban/filters/d.toml", "usr");
        symlink("/dev/null", root.join("etc/journalban/filter.d/d.toml")).expect("links");
        write(root, "etc/journalban/filter.d/.e.toml", "hidden");
        write(root, "etc/journalban/filter.d/e.toml~", "backup");
        assert_eq!(shown(&find(root).filters), [("a", "local"), ("b", "etc")]);
    }

    #[test]
    fn drop_ins_come_after_the_vendor_and_can_mask_it() {
        let root = tempfile::tempdir().expect("a directory");
        let root = root.path();
        write(root, "usr/lib/journalban/jails/sshd.toml", "vendor");
        write(root, "usr/lib/journalban/jails/gone.toml", "vendor");
        write(root, "etc/journalban/jail.d/20-z.toml", "etc");
        write(root, "run/journalban/jail.d/10-a.toml", "run");
        write(root, "run/journalban/jail.d/20-z.toml", "lower");
        write(root, "etc/journalban/jail.d/sshd.toml", "extends");
        symlink("/dev/null", root.join("etc/journalban/jail.d/gone.toml")).expect("links");
        assert_eq!(
            shown(&find(root).jails),
            [
                ("sshd", "vendor"),
                ("10-a", "run"),
                ("20-z", "etc"),
                ("sshd", "extends")
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_a_problem_with_its_place() {
        let root = tempfile::tempdir().expect("a directory");
        let root = root.path();
        write(root, "etc/journalban/journalban.toml", b"# a\nb = \"\xff\"");
        write(root, "etc/journalban/filter.d", "no directory");
        write(
            root,
            "etc/journalban/jail.d/big.toml",
            vec![b'#'; 1024 * 1024 + 1],
        );
        fs::create_dir(root.join("etc/journalban/jail.d/dir.toml")).expect("makes a directory");
        symlink("nowhere", root.join("etc/journalban/jail.d/link.toml")).expect("links");
        let files = find(root);
        let main = files.main.expect("there").text.expect_err("not UTF-8");
        assert_eq!((main.line, main.column), (2, 6));
        assert!(main.message.contains("not UTF-8"));
        assert!(files.incomplete && files.problems.len() == 1);
        let reasons: Vec<String> = files
            .jails
            .into_iter()
            .map(|found| found.text.expect_err("unreadable").message)
            .collect();
        assert!(reasons[0].contains("larger than 1048576 bytes"));
        assert!(reasons[1].contains("not a regular file"));
        assert!(reasons[2].contains("No such file"));
    }
}
