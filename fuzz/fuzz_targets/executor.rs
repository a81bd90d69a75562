//! Programs on the executor against the specification of `core/tests/model`, from bytes.
#![no_main]

#[allow(dead_code)]
#[path = "../../core/tests/model/program.rs"]
mod program;
#[path = "../../core/tests/model/real.rs"]
mod real;
#[path = "../../core/tests/model/spec.rs"]
mod spec;

use libfuzzer_sys::fuzz_target;
use program::{Event, Last, Program, Script, Step};

fn step(byte: u8, task: usize) -> Step {
    match byte % 12 {
        0 => Step::Yield,
        1 => Step::Wait,
        2 => Step::Sleep(task as u64 % 6),
        3 => Step::Wake(task),
        4 => Step::Abort(task),
        5 | 6 => Step::Spawn,
        7 => Step::DropHandle(task),
        8 | 9 => Step::Join(task),
        10 => Step::SpawnRemote,
        _ => Step::Panic,
    }
}

fn last(byte: u8, task: usize) -> Last {
    match byte % 6 {
        0 => Last::Nothing,
        1 => Last::Wake(task),
        2 => Last::Abort(task),
        3 => Last::DropHandle(task),
        4 => Last::Spawn,
        _ => Last::Panic,
    }
}

fn event(byte: u8, task: usize) -> Event {
    match byte % 12 {
        0 | 1 => Event::Spawn,
        2 => Event::SpawnRemote,
        3 | 4 => Event::Tick,
        5 => Event::Stall,
        6 => Event::Advance(task as u64 % 6),
        7 => Event::Wake(task),
        8 => Event::Abort(task),
        9 => Event::DropHandle(task),
        10 => Event::Join(task),
        _ => Event::List,
    }
}

fuzz_target!(|data: &[u8]| {
    let mut program = Program {
        scripts: vec![Script {
            steps: Vec::new(),
            last: Last::Nothing,
        }],
        events: Vec::new(),
    };
    for pair in data.chunks_exact(2).take(200) {
        let (byte, task) = (pair[0] & 31, usize::from(pair[1]) % program::SPAWNS);
        let script = program.scripts.last_mut().expect("there is one");
        match pair[0] >> 5 {
            0..=2 if script.steps.len() < 12 => script.steps.push(step(byte, task)),
            3 => script.last = last(byte, task),
            4 if program.scripts.len() < 12 => program.scripts.push(Script {
                steps: Vec::new(),
                last: Last::Nothing,
            }),
            _ => program.events.push(event(byte, task)),
        }
    }
    assert_eq!(real::run(&program, 0), spec::run(&program));
});
