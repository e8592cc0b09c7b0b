//go:build soak && linux && amd64

package loop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"kextwatch/probe/mactest"
)

// fileCall is a system call that changes a file or a folder.
type fileCall struct {
	name string
	path string
	size uint64 // of a write
}

// tampering is what happens to a call; zero: nothing. A short write writes less than it
// should, without an error.
type tampering struct {
	fails      syscall.Errno
	short      uint64 // bytes to write, beginning with 1; 0: all
	killBefore bool
	killAfter  bool
}

// fileCalls are the calls that change files on Linux: the argument that is a path, or -1 if
// the first one is a descriptor.
var fileCalls = map[uint64]struct {
	name string
	path int
}{
	syscall.SYS_OPENAT:    {"open", 1},
	syscall.SYS_WRITE:     {"write", -1},
	syscall.SYS_PWRITE64:  {"write", -1},
	syscall.SYS_FSYNC:     {"fsync", -1},
	syscall.SYS_FDATASYNC: {"fsync", -1},
	syscall.SYS_FTRUNCATE: {"truncate", -1},
	syscall.SYS_FCHMOD:    {"chmod", -1},
	syscall.SYS_CLOSE:     {"close", -1},
	syscall.SYS_RENAME:    {"rename", 0},
	syscall.SYS_RENAMEAT:  {"rename", 1},
	syscall.SYS_UNLINKAT:  {"remove", 1},
	syscall.SYS_MKDIRAT:   {"mkdir", 1},
}

// tracer stops a process at each of its calls that change a file in folder. So a test
// decides what a call does, and the product needs no code for that.
type tracer struct {
	folder string
	tamper func(fileCall) tampering

	pid     int
	memory  *os.File
	pending map[int]tampering // by thread: applied when its call returns
	saved   map[int]uint64    // the size of a short write
}

// Constants of ptrace(2) and wait(2) that package syscall lacks.
const (
	ptraceGetSyscallInfo = 0x420e
	ptraceExitKill       = 0x100000
	waitThisThread       = 0x20000000
	syscallStop          = syscall.SIGTRAP | 0x80
)

// syscallInfo is struct ptrace_syscall_info.
type syscallInfo struct {
	op   uint8 // 1 at the entry of a call
	_    [3]byte
	_    uint32
	_    [2]uint64
	nr   uint64
	args [6]uint64
	_    [2]uint64
}

// run runs a command to its end and returns how it ended.
func (tr *tracer) run(t *testing.T, cmd *exec.Cmd) syscall.WaitStatus {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	status, err := tr.trace(cmd)
	if errors.Is(err, syscall.EPERM) {
		mactest.Missing(t, "permission for ptrace(2)")
	}
	if err != nil {
		t.Fatalf("tracing: %v", err)
	}
	return status
}

func (tr *tracer) trace(cmd *exec.Cmd) (status syscall.WaitStatus, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	tr.pid, tr.pending, tr.saved = cmd.Process.Pid, map[int]tampering{}, map[int]uint64{}
	defer cmd.Process.Release()
	if _, err := syscall.Wait4(tr.pid, &status, 0, nil); err != nil {
		return 0, err
	}
	if err := syscall.PtraceSetOptions(tr.pid, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|ptraceExitKill); err != nil {
		return 0, err
	}
	if tr.memory, err = os.Open(fmt.Sprintf("/proc/%d/mem", tr.pid)); err != nil {
		return 0, err
	}
	defer tr.memory.Close()
	syscall.PtraceSyscall(tr.pid, 0)
	for {
		thread, err := syscall.Wait4(-1, &status, syscall.WALL|waitThisThread, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case !status.Stopped():
			if thread == tr.pid {
				return status, nil
			}
			continue
		}
		signal := status.StopSignal()
		switch {
		case signal == syscallStop:
			tr.stopped(thread)
			signal = 0
		case signal == syscall.SIGTRAP, signal == syscall.SIGSTOP: // a new thread
			signal = 0
		}
		syscall.PtraceSyscall(thread, int(signal)) // fails if the process was killed
	}
}

// stopped handles the entry or the return of a call.
func (tr *tracer) stopped(thread int) {
	var info syscallInfo
	if _, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(thread), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0); errno != 0 {
		return
	}
	if info.op != 1 {
		tr.returned(thread)
		return
	}
	call, ours := tr.describe(info)
	if !ours {
		return
	}
	what := tr.tamper(call)
	if what == (tampering{}) {
		return
	}
	if what.killBefore {
		syscall.Kill(tr.pid, syscall.SIGKILL)
		return
	}
	tr.pending[thread] = what
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(thread, &regs) != nil {
		return
	}
	switch {
	case what.fails != 0 && call.name != "close": // a close that fails has closed the descriptor
		regs.Orig_rax = ^uint64(0)
	case what.short > 0:
		tr.saved[thread], regs.Rdx = regs.Rdx, min(what.short, regs.Rdx)
	}
	syscall.PtraceSetRegs(thread, &regs)
}

func (tr *tracer) returned(thread int) {
	what, ours := tr.pending[thread]
	if !ours {
		return
	}
	delete(tr.pending, thread)
	if what.killAfter {
		syscall.Kill(tr.pid, syscall.SIGKILL)
		return
	}
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(thread, &regs) != nil {
		return
	}
	if what.fails != 0 {
		regs.Rax = -uint64(what.fails)
	}
	if size, short := tr.saved[thread]; short {
		delete(tr.saved, thread)
		regs.Rdx = size
	}
	syscall.PtraceSetRegs(thread, &regs)
}

// describe reports whether a call changes something in the folder.
func (tr *tracer) describe(info syscallInfo) (call fileCall, ours bool) {
	known, ok := fileCalls[info.nr]
	if !ok {
		return call, false
	}
	call.name = known.name
	switch {
	case info.nr == syscall.SYS_OPENAT && info.args[2]&(syscall.O_WRONLY|syscall.O_RDWR|syscall.O_CREAT) == 0:
		return call, false
	case known.path >= 0:
		call.path = tr.text(info.args[known.path])
	default:
		call.path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tr.pid, info.args[0]))
	}
	if call.name == "write" {
		call.size = info.args[2]
	}
	return call, call.path == tr.folder || strings.HasPrefix(call.path, tr.folder+string(filepath.Separator))
}

// text reads a text of the process that ends with a zero.
func (tr *tracer) text(address uint64) string {
	buf := make([]byte, 512)
	n, _ := tr.memory.ReadAt(buf, int64(address))
	text, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(text)
}
