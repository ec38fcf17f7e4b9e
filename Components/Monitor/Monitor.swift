import ABI
@_spi(Kernel) import Entente
import VirtualPlatform

/// One thread of a machine's monitor. It takes the exits of the virtual CPUs on its core, emulates, and replies.
///
/// `respond(to:)` below dispatches exits and notifications. Accesses to devices go to the bus
/// (Machines/VirtualPlatform), hypercalls to Monitor+Power.swift, and events to Monitor+Events.swift. Threads share
/// the machine's state through `shared` (SharedMachine.swift). A thread serves an exit on the virtual CPU's time, and a
/// notification on the monitor's own time.
public struct Monitor {
    let machine: MonitoredMachine
    @inline(__always) var shared: OwnMachine { SharedMachine.own }

    /// Serves for as long as the machine exists.
    public func serve() -> Never {
        var answer = replyWait(ReplyForm.wait)
        while true { answer = respond(to: answer) }
    }

    /// Handles an exit or a notification, and waits for the next.
    @inline(__always)
    public func respond(to answer: Answer) -> Answer {
        if answer.has(.ok) { return handle(Exit(answer)) }
        if answer.has(.notified) { handleNotification(answer.tag) }
        return replyWait(ReplyForm.wait)
    }

    /// Answers one exit and waits for the next.
    @inline(__always)
    private func handle(_ exit: Exit) -> Answer {
        switch exit.tag.kind {
        case .memoryAccess: return memoryAccess(exit)
        case .hypercall: return hypercall(exit)
        case .systemRegister: return systemRegister(exit)
        case .instructionFetch: return instructionFetch(exit)
        case .fault, nil: return replyWait(Reply.refuse)
        }
    }
}

/// A message of the kernel that reports why a virtual CPU left its machine.
struct Exit {
    let virtualCPU: Int
    let tag: ExitTag
    let words: Words

    @inline(__always)
    init(_ answer: Answer) {
        virtualCPU = Int(truncatingIfNeeded: answer.tag & 7)
        tag = ExitTag(bits: answer.words.w0)
        words = answer.words
    }
}

/// The forms of `replyWait` that the monitor uses. Each except `leaveStopped` also waits for the next exit.
enum Reply {
    /// Makes the guest take a synchronous external abort.
    static let refuse = ReplyForm.reply | ReplyForm.refuse | ReplyForm.wait
    /// Advances past the instruction, which is done.
    static let advance = ReplyForm.reply | ReplyForm.advance | ReplyForm.wait
    /// Writes the answer of a hypercall to `x0…x3`.
    static let arguments = ReplyForm.reply | ReplyForm.writeArguments | ReplyForm.wait
    static let leaveStopped = ReplyForm.reply | ReplyForm.leaveStopped

    /// Returns the form that advances past the instruction and writes `x2` to its register.
    @inline(__always)
    static func register(_ number: UInt32) -> UInt32 {
        advance | ReplyForm.writeRegister | number << ReplyForm.registerShift
    }
}

// MARK: - Devices

extension Monitor {
    @inline(__always)
    private func memoryAccess(_ exit: Exit) -> Answer {
        guard var access = MemoryAccess(tag: exit.tag, address: exit.words.w1, value: exit.words.w2) else {
            return undescribedAccess(exit)
        }
        var environment = KernelEnvironment()
        let answer = shared.perform(&access, &environment)
        environment.finish()
        switch answer {
        case .done(let value):
            if access.isWrite { return replyWait(Reply.advance) }
            return replyWait(Reply.register(access.register), Words(access.registerValue(value)))
        case .noDevice: return unclaimedAccess(access)
        case .stopping: return replyWait(Reply.leaveStopped | ReplyForm.wait)
        case .held(let unit): return repeatLater(exit, whenFree: unit)
        }
    }

    /// Handles an access to an address that no device has. Refuses it unless a region's doorbell page is there.
    @inline(never)
    private func unclaimedAccess(_ access: MemoryAccess) -> Answer {
        guard machine.isDoorbell(access.address) else { return replyWait(Reply.refuse) }
        // The access has no effect: the other end is dead at the moment, or this is no store to its first word.
        return access.isWrite ? replyWait(Reply.advance) : replyWait(Reply.register(access.register), Words(0))
    }

    /// Handles an exit while another thread keeps the lock of a unit: leaves the virtual CPU stopped until the lock is
    /// free. So neither the machine nor the monitor spends time while the holder is off its core.
    @inline(never)
    func repeatLater(_ exit: Exit, whenFree unit: MachineUnit) -> Answer {
        var environment = KernelEnvironment()
        shared.deferExit(of: exit.virtualCPU, until: unit, &environment) {
            _ = replyWait(Reply.leaveStopped)
            // The program counter is behind the hypercall.
            if exit.tag.kind == .hypercall { VirtualCPU(number: exit.virtualCPU).moveTo(exit.words.w5 &- 4) }
        }
        return replyWait(ReplyForm.wait)
    }

    /// Handles a register that the kernel leaves to the monitor. This machine has no use for any: they read as zero
    /// and ignore writes.
    @inline(never)
    private func systemRegister(_ exit: Exit) -> Answer {
        let access = SystemRegisterAccess(exit.tag)
        return replyWait(access.isRead ? Reply.register(access.register) : Reply.advance, Words(0))
    }
}

/// The syndrome of a trapped MSR or MRS (Arm ARM, ISS of exception class 0x18).
private struct SystemRegisterAccess {
    let isRead: Bool
    let register: UInt32

    init(_ tag: ExitTag) {
        isRead = tag.syndrome & 1 != 0
        register = UInt32(truncatingIfNeeded: tag.syndrome >> 5 & 31)
    }
}
