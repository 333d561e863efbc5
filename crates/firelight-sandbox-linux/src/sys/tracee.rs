//! Has another process do a system call that only it can do for itself, and go on as if nothing had been.
//!
//! For a process that sits in a system call, such as a program that waits: it is stopped there, its instruction pointer
//! set back onto the very instruction it came from, and one step done with other registers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// How often a process is looked at that is not in a system call, and how long it is left to itself in between: ten
/// milliseconds at least, for a way of microseconds on a machine that is busy.
const MAX_STOPS: u32 = 100;
const BETWEEN_STOPS: Duration = Duration::from_micros(100);

/// A process that is stopped. Dropped, it goes on.
pub(crate) struct Tracee {
    pid: libc::pid_t,
}

/// What the kernel knows of where a program's parts are (`struct prctl_mm_map`).
#[repr(C)]
struct MemoryMap {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: u64,
    auxv_size: u32,
    exe_fd: u32,
}

impl MemoryMap {
    /// As it is now, except for the end of the heap, which nothing but the process itself can ask for.
    fn of(pid: libc::pid_t) -> io::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let field = |number| {
            let value = field(&stat, number);
            value.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        };
        Ok(Self {
            start_code: field(26)?,
            end_code: field(27)?,
            start_data: field(45)?,
            end_data: field(46)?,
            start_brk: field(47)?,
            brk: field(47)?,
            start_stack: field(28)?,
            arg_start: field(48)?,
            arg_end: field(49)?,
            env_start: field(50)?,
            env_end: field(51)?,
            auxv: 0,
            auxv_size: 0,
            exe_fd: u32::MAX,
        })
    }

    fn bytes(&self) -> Vec<u8> {
        let words = [
            self.start_code,
            self.end_code,
            self.start_data,
            self.end_data,
            self.start_brk,
            self.brk,
            self.start_stack,
            self.arg_start,
            self.arg_end,
            self.env_start,
            self.env_end,
            self.auxv,
        ];
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        bytes.extend(self.auxv_size.to_ne_bytes());
        bytes.extend(self.exe_fd.to_ne_bytes());
        bytes
    }
}

/// A field of `/proc/.../stat` by its number in the manual. The second one, a program's name, may hold anything.
pub(crate) fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let value = rest.split_whitespace().nth(number.checked_sub(3)?)?;
    value.parse().ok()
}

impl Tracee {
    /// Stops a process in the system call that it sits in. One that is on its way there, as after it has said that it
    /// waits, is let go on for as long as such a way takes; then the error is [`io::ErrorKind::WouldBlock`].
    pub(crate) fn stop_in_call(pid: u32, memory: &File) -> io::Result<Self> {
        let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
        request(libc::PTRACE_SEIZE, pid, 0)?;
        let this = Self { pid };
        for _ in 1..MAX_STOPS {
            this.interrupt()?;
            match this.registers()?.check_in_call(memory) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => this.let_go_on()?,
                checked => return checked.map(|()| this),
            }
        }
        this.interrupt()?;
        this.registers()?.check_in_call(memory)?;
        Ok(this)
    }

    fn interrupt(&self) -> io::Result<()> {
        request(libc::PTRACE_INTERRUPT, self.pid, 0)?;
        self.await_stop()
    }

    fn let_go_on(&self) -> io::Result<()> {
        request(libc::PTRACE_CONT, self.pid, 0)?;
        std::thread::sleep(BETWEEN_STOPS);
        Ok(())
    }

    /// Tells the kernel where the process's initial variables end.
    pub(crate) fn end_variables_at(&self, memory: &File, end: u64) -> io::Result<()> {
        const PR_SET_MM: u64 = 35;
        const PR_SET_MM_MAP: u64 = 14;
        /// More than the part below the stack that compilers use.
        const RED_ZONE: u64 = 1024;
        let before = self.registers()?;
        let mut map = MemoryMap::of(self.pid)?;
        map.env_end = end;
        map.brk = self.call(&before, libc::SYS_brk, [0; 4])?;
        let bytes = map.bytes();
        let place = before.stack() - RED_ZONE;
        memory.write_all_at(&bytes, place)?;
        let size = bytes.len().try_into().map_err(io::Error::other)?;
        let arguments = [PR_SET_MM, PR_SET_MM_MAP, place, size];
        self.call(&before, libc::SYS_prctl, arguments).map(drop)
    }

    /// Does one call in the process's place, and puts its registers back.
    fn call(&self, before: &Registers, number: i64, arguments: [u64; 4]) -> io::Result<u64> {
        self.set_registers(&before.calling(number, arguments))?;
        let stepped =
            request(libc::PTRACE_SINGLESTEP, self.pid, 0).and_then(|()| self.await_stop());
        let after = stepped.and_then(|()| self.registers());
        self.set_registers(before)?;
        after?.result()
    }

    fn await_stop(&self) -> io::Result<()> {
        let mut status = 0;
        // SAFETY: `status` is a valid place for the status word.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, libc::__WALL) };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if libc::WIFSTOPPED(status) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = request(libc::PTRACE_DETACH, self.pid, 0);
    }
}

/// A request that neither reads nor writes memory of this process.
fn request(request: libc::c_uint, pid: libc::pid_t, data: libc::c_long) -> io::Result<()> {
    // SAFETY: the requests made here take numbers alone.
    if unsafe { libc::ptrace(request, pid, 0, data) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::Registers;

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;

    use super::Tracee;

    const SYSCALL: [u8; 2] = [0x0f, 0x05];

    pub(crate) struct Registers(libc::user_regs_struct);

    impl Registers {
        pub(super) fn stack(&self) -> u64 {
            self.0.rsp
        }

        /// Whether the process was stopped in a system call, so that the instruction for one is right behind it.
        pub(super) fn check_in_call(&self, memory: &File) -> io::Result<()> {
            let mut instruction = [0; 2];
            memory.read_exact_at(&mut instruction, self.0.rip - 2)?;
            if self.0.orig_rax.cast_signed() < 0 || instruction != SYSCALL {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        }

        pub(super) fn calling(&self, number: i64, arguments: [u64; 4]) -> Self {
            let mut registers = self.0;
            registers.rip -= 2;
            registers.rax = number.cast_unsigned();
            // Or the kernel would first go about the call that was interrupted.
            registers.orig_rax = u64::MAX;
            [registers.rdi, registers.rsi, registers.rdx, registers.r10] = arguments;
            registers.r8 = 0;
            Self(registers)
        }

        pub(super) fn result(&self) -> io::Result<u64> {
            let result = self.0.rax.cast_signed();
            match i32::try_from(result) {
                Ok(error @ -4095..0) => Err(io::Error::from_raw_os_error(-error)),
                _ => Ok(self.0.rax),
            }
        }
    }

    impl Tracee {
        pub(super) fn registers(&self) -> io::Result<Registers> {
            // SAFETY: all-zero registers are a valid value.
            let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
            // SAFETY: the kernel writes one such structure to where the last argument points.
            let done =
                unsafe { libc::ptrace(libc::PTRACE_GETREGS, self.pid, 0, &raw mut registers) };
            if done < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Registers(registers))
        }

        pub(super) fn set_registers(&self, registers: &Registers) -> io::Result<()> {
            // SAFETY: the kernel reads one such structure from where the last argument points.
            let done =
                unsafe { libc::ptrace(libc::PTRACE_SETREGS, self.pid, 0, &raw const registers.0) };
            if done < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use elsewhere::Registers;

/// Other machines restart an interrupted call in other ways; there it is not done.
#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use std::fs::File;
    use std::io;

    use super::Tracee;

    pub(crate) enum Registers {}

    impl Registers {
        pub(super) fn stack(&self) -> u64 {
            match *self {}
        }

        pub(super) fn check_in_call(&self, _memory: &File) -> io::Result<()> {
            match *self {}
        }

        pub(super) fn calling(&self, _number: i64, _arguments: [u64; 4]) -> Self {
            match *self {}
        }

        pub(super) fn result(&self) -> io::Result<u64> {
            match *self {}
        }
    }

    impl Tracee {
        pub(super) fn registers(&self) -> io::Result<Registers> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn set_registers(&self, registers: &Registers) -> io::Result<()> {
            match *registers {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_cannot_lie_by_its_name() {
        let fields = (3..=52).map(|number| number.to_string());
        let stat = format!("7 (x) 1 2 3) {}", fields.collect::<Vec<_>>().join(" "));

        assert_eq!(field(&stat, 50), Some(50));
        assert_eq!(field(&stat, 53), None);
    }
}
