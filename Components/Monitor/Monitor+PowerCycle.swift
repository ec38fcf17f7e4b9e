import ABI
@_spi(Kernel) import Entente
import VirtualPlatform

// The power cycle of the machine as a whole: it stops, waits for its next start, is loaded, and starts.
//
// The first thread performs all of it, and never waits: it checks, and checks again a millisecond later. The machine
// pays for the long work, which is clearing and loading RAM. For this the monitor starts virtual CPU 0 at an address
// at which nothing is mapped, so that it faults there. Each fault pays for one piece, because the monitor runs on the
// virtual CPU's time and at its priority while it serves the exit.

extension Monitor {
    /// The first thread's next step, once it has released the lock.
    private enum Step {
        case nothing
        case lookAgain
        /// The machine stays off.
        case off
        /// The machine starts again after this number of ticks.
        case wait(UInt64)
        case cannotStart
    }

    /// An address at which no machine has memory, because RAM begins at 1 GiB.
    private static let doorstep: UInt64 = 0
    private static var ticksPerMillisecond: UInt64 { Clock.frequency / 1000 }
    /// The maximal number of checks for the last bytes of output, and the room that the report needs.
    private static let maximumLooks = 100
    private static let reportSize: UInt32 = 512

    /// Starts the machine for the first time in this life of the monitor.
    func start() {
        if SharedMachine.withLock({ beginLoading(&$0, maps: true) }) != true {
            report(" cannot start\r\n")
        }
    }

    /// Advances the machine towards its end or its next start. Runs on the monitor's own time: at most some thirty
    /// operations of the kernel, once a millisecond, and one reset of all virtual CPUs for each start.
    @inline(never)
    func continuePowerCycle() {
        guard let step = SharedMachine.withLock({ takeStep(&$0) }) else {
            return SharedMachine.whenFree(.notification(Wake.power))
        }
        switch step {
        case .nothing: return
        case .lookAgain:
            Console().flush()
            setAlarm(in: Monitor.ticksPerMillisecond)
        case .off: reportEnd()
        case .wait(let ticks):
            reportDelay(ticks)
            setAlarm(in: ticks)
        case .cannotStart: report(" cannot start\r\n")
        }
    }

    /// Arranges a call of `continuePowerCycle` after `ticks`. If the timer still belongs to another core, for a
    /// moment or a call of `watch`, that deadline passes within a millisecond or a second and has the same effect.
    private func setAlarm(in ticks: UInt64) {
        setTimer(InitialSlot.notification, deadline: Clock.now &+ ticks, bits: Wake.power)
    }

    private func takeStep(_ state: inout SharedMachine.State) -> Step {
        switch state.power.machine {
        case .running: return .nothing
        case .starting:
            // A deadline may pass while the last piece is being filled; the end of that piece leads here again.
            let isAtDoorstep = state.cycle.loading.isDone && VirtualCPU(number: 0).isStopped
            return isAtDoorstep ? launch(&state) : .nothing
        case .stopping: return stop(&state)
        case .off:
            guard let dueAt = state.cycle.dueAt else { return .nothing }
            let now = Clock.now
            if now < dueAt {
                setAlarm(in: dueAt &- now)
                return .nothing
            }
            return beginLoading(&state, maps: false) ? .nothing : .cannotStart
        }
    }

    // MARK: The end

    /// Stops every virtual CPU. From now on `PowerController` lets none start. One that another thread is serving
    /// stops with that thread's reply.
    private func stop(_ state: inout SharedMachine.State) -> Step {
        Monitor.finishTurningOff(&state)
        guard state.power.isSettled else { return .lookAgain }
        for number in 0..<machine.virtualCPUCount { VirtualCPU(number: number).stop() }
        for number in 0..<machine.virtualCPUCount where !VirtualCPU(number: number).isStopped { return .lookAgain }
        // Checks the deferrals last, because a thread counts itself before it leaves a virtual CPU stopped.
        guard !SharedMachine.hasDeferrals, isDrained(&state) else { return .lookAgain }
        state.power.finishStopping()
        guard state.cycle.restarts else { return .off }
        let now = Clock.now
        let delay = state.cycle.backoff.reset(at: now)
        state.cycle.dueAt = now &+ delay
        if delay > 0 { return .wait(delay) }
        return beginLoading(&state, maps: false) ? .nothing : .cannotStart
    }

    /// Returns whether the console driver has taken the last bytes and there is room for the report. Returns true
    /// after a tenth of a second in any case, because the driver may be dead.
    private func isDrained(_ state: inout SharedMachine.State) -> Bool {
        var environment = KernelEnvironment(mayUseTimer: false)
        state.devices.exchange(&environment)
        let room = UInt32(ConsoleQueue.capacity) &- Console().output.count
        if !state.devices.isBusy && room >= Monitor.reportSize { return true }
        state.cycle.looks += 1
        return state.cycle.looks > Monitor.maximumLooks
    }

    // MARK: The start

    /// Resets every virtual CPU, and starts the first at the doorstep. Every virtual CPU must be stopped.
    /// - Parameter maps: true if RAM is not mapped yet, because this is the machine's first start in this life of the
    ///   monitor.
    /// - Returns: false if the kernel does not start it.
    private func beginLoading(_ state: inout SharedMachine.State, maps: Bool) -> Bool {
        var cycle = PowerCycle()
        cycle.backoff = state.cycle.backoff
        cycle.loading = machine.loadingPlan(maps: maps)
        state.cycle = cycle
        state.reset()
        var environment = KernelEnvironment()
        for number in 0..<machine.virtualCPUCount {
            VirtualCPU(number: number).reset()
            state.devices.interrupts.restore(number, LatchedInterrupts(), &environment)
        }
        let first = VirtualCPU(number: 0)
        first.prepare(entry: Monitor.doorstep, argument: 0)
        return first.start()
    }

    /// Serves a fetch from an address at which nothing is mapped. While the machine is being loaded, virtual CPU 0
    /// makes it at the doorstep, and faults again after each piece.
    @inline(never)
    func instructionFetch(_ exit: Exit) -> Answer {
        let fetch: Fetch? = SharedMachine.withLock { state in
            guard state.power.machine == .starting else { return .fault }
            guard let piece = state.cycle.loading.next() else { return .finished }
            return .load(piece)
        }
        switch fetch {
        case nil: return repeatLater(exit)
        case .fault: return replyWait(Reply.refuse)
        case .load(let piece):
            if machine.fill(piece) { return replyWait(ReplyForm.reply | ReplyForm.wait) }
            _ = replyWait(Reply.leaveStopped)
            report(" cannot start\r\n")
            return replyWait(ReplyForm.wait)
        case .finished:
            _ = replyWait(Reply.leaveStopped)
            continuePowerCycle()
            return replyWait(ReplyForm.wait)
        }
    }

    private enum Fetch {
        case fault
        case load(LoadingPlan.Piece)
        case finished
    }

    /// Starts virtual CPU 0, which is stopped at the doorstep, at the guest's entry.
    private func launch(_ state: inout SharedMachine.State) -> Step {
        let first = VirtualCPU(number: 0)
        first.prepare(entry: machine.entry, argument: machine.argument)
        state.power.finishStarting()
        return first.start() ? .nothing : .cannotStart
    }
}

// MARK: - Reports

extension Monitor {
    /// Begins a report on the machine's console. Output that finds no room is dropped, because otherwise a thread
    /// would wait on the monitor's own time.
    private func openReport() -> Console {
        var console = Console()
        console.patience = 0
        console.write("\r\nentente: machine ")
        machine.writeName(to: console)
        return console
    }

    /// Writes a line about the machine to its console.
    func report(_ what: StaticString) {
        let console = openReport()
        console.write(what)
        console.flush()
    }

    private func reportEnd() {
        reportExits(to: openReport())
        report(" is off\r\n")
    }

    private func reportDelay(_ ticks: UInt64) {
        let console = openReport()
        console.write(" restarts in ")
        console.write(decimal: ticks / Monitor.ticksPerMillisecond)
        console.write(" ms\r\n")
        console.flush()
    }
}
