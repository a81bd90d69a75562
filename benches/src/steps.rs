//! Counts the instructions of a program by stopping it after each of them.
//!
//! Slow and exact, and nothing stands between the program and the kernel: what an emulator does not
//! know (new system calls, io_uring) is counted as it runs in earnest.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::null_mut;

use crate::echo::pin;

/// Runs a program with its arguments, and writes the number of instructions that all of its threads
/// have executed in user mode into the file `out`, from [`begin`] on. A system call is one
/// instruction.
pub fn run(out: &str, program: &[&str]) -> Result<(), String> {
    let [program, arguments @ ..] = program else {
        return Err("no program".to_string());
    };
    // Where the servers are, so that a step does not lead from one processor to another.
    pin(0);
    let counted = count(Command::new(program).args(arguments));
    let steps = counted.map_err(|error| format!("{program}: {error}"))?;
    fs::write(out, steps.to_string()).map_err(|error| format!("{out}: {error}"))
}

/// Where the counting of this program begins, if somebody counts. There must be no other thread yet.
pub fn begin() {
    // SAFETY: continues a process that is not stopped.
    unsafe { libc::raise(libc::SIGCONT) };
}

/// Whether a program may be traced here.
pub fn are_allowed() -> bool {
    count(&mut Command::new("true")).is_ok()
}

fn count(command: &mut Command) -> io::Result<u64> {
    // SAFETY: the closure makes a system call and nothing else.
    unsafe { command.pre_exec(|| trace(libc::PTRACE_TRACEME, 0, 0)) };
    // Returns once the program is loaded, which stops it.
    let child = command.spawn()?;
    let main = child.id() as libc::pid_t;
    wait(main)?;
    let options = libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
    trace(libc::PTRACE_SETOPTIONS, main, options as usize)?;
    trace(libc::PTRACE_CONT, main, 0)?;
    let mut go_on = libc::PTRACE_CONT;
    let mut steps = 0;
    loop {
        let (thread, status) = wait(-1)?;
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            if thread == main {
                return Ok(steps);
            }
            continue;
        }
        let event = status >> 16;
        let signal = match libc::WSTOPSIG(status) {
            libc::SIGTRAP => {
                steps += u64::from(event == 0);
                0
            }
            // The first stop of a new thread.
            libc::SIGSTOP => 0,
            libc::SIGCONT => {
                go_on = libc::PTRACE_SINGLESTEP;
                0
            }
            signal => signal,
        };
        match trace(go_on, thread, signal as usize) {
            // Another thread has ended the process meanwhile.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            result => result?,
        }
    }
}

fn trace(request: libc::c_uint, thread: libc::pid_t, data: usize) -> io::Result<()> {
    // SAFETY: requests that read and write no memory of ours.
    let done = unsafe { libc::ptrace(request, thread, null_mut::<u8>(), data) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn wait(thread: libc::pid_t) -> io::Result<(libc::pid_t, libc::c_int)> {
    let mut status = 0;
    // SAFETY: room for a status.
    let thread = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
    if thread < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((thread, status))
}
