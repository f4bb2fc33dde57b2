//! Programs in other languages: each makes two hosts, moves their packets, and checks what it sees. They say what
//! is wrong and fail; here they are built, against the shared and the static library, and run.

use std::path::{Path, PathBuf};
use std::process::Command;

use fathom_tests::{Scratch, missing, run, skip};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
/// What the static library needs of the system.
const SYSTEM: [&str; 4] = ["-lpthread", "-ldl", "-lm", "-lc"];

/// A library that Cargo has built together with this test.
fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.parent().expect("it is in a folder");
    let (stem, extension) = name.split_once('.').expect("the name has an extension");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|of| of == extension))
        .filter(|path| {
            let file = path.file_stem().unwrap_or_default().to_string_lossy();
            file == stem || file.strip_prefix(stem).is_some_and(|hash| hash.starts_with('-'))
        })
        .collect();
    // Earlier builds with other flags may have left theirs.
    found.sort_by_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok());
    found.pop().unwrap_or_else(|| panic!("{name} is not in {}", folder.display()))
}

fn source(name: &str) -> String {
    format!("{FOLDER}/tests/programs/{name}")
}

/// Compiles a program with every warning an error.
fn compile(compiler: &str, standard: &str, source: &str, libraries: &[&str], out: &Path) {
    let include = format!("-I{FOLDER}/include");
    let strict = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-D_DEFAULT_SOURCE", standard, &include];
    let out = out.display().to_string();
    let arguments = [&strict[..], &["-o", &out, source], libraries].concat();
    run(compiler, &arguments);
}

/// Runs a program twice, and gives what it printed, which is the same.
fn run_twice(program: &str, arguments: &[&str]) -> String {
    let printed = run(program, arguments);
    assert!(!printed.is_empty(), "{program} prints its packets");
    assert!(run(program, arguments) == printed, "the same seed gives the same packets");
    printed
}

#[test]
fn a_c_program_talks_through_the_shared_and_through_the_static_library() {
    if let Some(reason) = missing(&["cc"]) {
        return skip(&reason);
    }
    let scratch = Scratch::new();
    let (shared, of_static) = (scratch.path("shared"), scratch.path("static"));
    let so = library("libfathom.so");
    let so_folder = so.parent().expect("it is in a folder").display().to_string();
    let rpath = format!("-Wl,-rpath,{so_folder}");
    compile("cc", "-std=c99", &source("exchange.c"), &[&so.display().to_string(), &rpath], &shared);
    let archive = library("libfathom.a").display().to_string();
    let libraries = [&[archive.as_str()][..], &SYSTEM].concat();
    compile("cc", "-std=c99", &source("exchange.c"), &libraries, &of_static);
    let printed = run_twice(&shared.display().to_string(), &[]);
    assert!(run_twice(&of_static.display().to_string(), &[]) == printed, "both libraries are the same");
    assert!(printed.lines().count() > 200, "a transfer takes packets");
}

#[test]
fn the_program_of_the_manual_prints_what_the_manual_says() {
    if let Some(reason) = missing(&["cc"]) {
        return skip(&reason);
    }
    let manual =
        std::fs::read_to_string(format!("{FOLDER}/../../docs/capi.md")).expect("the manual is there");
    let code = manual.split("```c\n").nth(1).and_then(|rest| rest.split("```").next());
    let prints = manual.split("It prints `").nth(1).and_then(|rest| rest.split('`').next());
    let scratch = Scratch::new();
    let source = scratch.write("manual.c", code.expect("it has a program"));
    let program = scratch.path("manual");
    let archive = library("libfathom.a").display().to_string();
    let libraries = [&[archive.as_str()][..], &SYSTEM].concat();
    compile("cc", "-std=c99", &source.display().to_string(), &libraries, &program);
    let printed = run(&program.display().to_string(), &[]);
    assert_eq!(Some(printed.trim_end()), prints);
}

#[test]
fn the_header_is_cpp_too() {
    if let Some(reason) = missing(&["c++"]) {
        return skip(&reason);
    }
    let scratch = Scratch::new();
    let program = scratch.path("header");
    let archive = library("libfathom.a").display().to_string();
    let libraries = [&[archive.as_str()][..], &SYSTEM].concat();
    compile("c++", "-std=c++11", &source("header.cpp"), &libraries, &program);
    let status = Command::new(&program).status().expect("it starts");
    assert!(status.success(), "{status}");
}

#[test]
fn a_python_program_talks_by_ctypes() {
    if let Some(reason) = missing(&["python3"]) {
        return skip(&reason);
    }
    let so = library("libfathom.so").display().to_string();
    run_twice("python3", &[&source("exchange.py"), &so]);
}

#[test]
fn the_calls_answer_what_linux_answers() {
    if let Some(reason) = missing(&["python3"]) {
        return skip(&reason);
    }
    if !Path::new("/proc/net/if_inet6").exists() {
        return skip("this kernel has no IPv6");
    }
    let so = library("libfathom.so").display().to_string();
    let output = Command::new("python3").args([&source("as_on_linux.py"), &so]).output().expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.lines().count() > 15, "{printed}");
}

#[test]
fn constants_and_error_numbers_are_those_of_the_system() {
    if let Some(reason) = missing(&["cc"]) {
        return skip(&reason);
    }
    let headers = [
        "errno",
        "fcntl",
        "linux/errqueue",
        "linux/icmp",
        "linux/sockios",
        "linux/tcp",
        "netinet/in",
        "netinet/udp",
        "poll",
        "stdio",
        "string",
        "sys/ioctl",
        "sys/socket",
    ];
    let mut code = String::from("#define _GNU_SOURCE\n");
    for header in headers {
        code += &format!("#include <{header}.h>\n");
    }
    code += "int main(void)\n{\n";
    // A system that is older than a constant does not have it.
    let mut add = |name: &str, holds: String| {
        let complain = format!("printf(\"{name} is %ld\\n\", (long)({name}));");
        code += &format!("#ifdef {name}\nputs(\"known\"); if (!({holds})) {complain}\n#endif\n");
    };
    let read = |file: &str| {
        std::fs::read_to_string(format!("{FOLDER}/../linux/src/{file}")).expect("the constants are there")
    };
    for line in read("consts.rs").lines() {
        let Some((name, value)) = line.trim().strip_suffix(';').and_then(|line| line.split_once(" = "))
        else {
            continue;
        };
        if name.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_')
        {
            add(name, format!("(long)({name}) == {}", value.replace("0o", "0").replace('_', "")));
        }
    }
    for line in read("errno.rs").lines() {
        let Some((name, rest)) = line.trim().split_once(' ').filter(|(name, _)| name.starts_with('E')) else {
            continue;
        };
        let Some((number, message)) = rest.split_once(' ').filter(|(_, message)| message.ends_with('"'))
        else {
            continue;
        };
        add(name, format!("{name} == {number} && strcmp(strerror({number}), {message}) == 0"));
    }
    code += "return 0;\n}\n";
    let scratch = Scratch::new();
    let source = scratch.write("constants.c", code);
    let program = scratch.path("constants");
    run("cc", &["-o", &program.display().to_string(), &source.display().to_string()]);
    let printed = run(&program.display().to_string(), &[]);
    let wrong: Vec<&str> = printed.lines().filter(|line| *line != "known").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(printed.lines().count() > 300, "{}", printed.lines().count());
}

#[test]
fn the_header_declares_what_the_library_has() {
    let header = std::fs::read_to_string(format!("{FOLDER}/include/fathom.h")).expect("the header is there");
    // A declaration begins a line; a name in a comment does not.
    let declarations = header.lines().filter(|line| !line.starts_with([' ', '/', '*', '#']));
    let mut declared: Vec<&str> = declarations.filter_map(function).collect();
    let folder = std::fs::read_dir(format!("{FOLDER}/src")).expect("the sources are there");
    let code: String = folder
        .map(|entry| std::fs::read_to_string(entry.expect("it can be read").path()).expect("it is text"))
        .collect();
    let mut defined: Vec<&str> = code.split("#[unsafe(no_mangle)]").skip(1).filter_map(function).collect();
    declared.sort_unstable();
    defined.sort_unstable();
    assert_eq!(declared, defined);
    assert!(declared.len() > 30, "{declared:?}");
}

/// The first name of a function of the library in a text.
fn function(text: &str) -> Option<&str> {
    let name = &text[text.find("fathom_")?..];
    Some(&name[..name.find('(')?])
}
