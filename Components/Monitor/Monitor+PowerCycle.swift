import ABI
@_spi(Kernel) import Entente
import VirtualPlatform

// The power cycle of the machine as a whole: it stops, waits for its next start, is loaded, and starts.
// `MachinePower.takeStep` (Machines/VirtualPlatform) decides on each step.
//
// The first thread performs all of it, and never waits: it checks, and checks again a millisecond later. The machine
// pays for the long work, which is clearing and loading RAM. For this the monitor starts virtual CPU 0 at an address
// at which nothing is mapped, so that it faults there. Each fault pays for one piece, because the monitor runs on the
// virtual CPU's time and at its priority while it serves the exit.

extension Monitor {
    private static var ticksPerMillisecond: UInt64 { Clock.frequency / 1000 }

    /// Starts the machine for the first time in this life of the monitor.
    func start() {
        let cycle = MachineCycle(machine: machine)
        if shared.withPower({ $0.beginLoading(cycle, maps: true) }) != PowerStep.nothing {
            report(" cannot start\r\n")
        }
    }

    /// Advances the machine towards its end or its next start. Runs on the monitor's own time: at most some thirty
    /// operations of the kernel, once a millisecond, and one reset of all virtual CPUs for each start.
    @inline(never)
    func continuePowerCycle() {
        let cycle = MachineCycle(machine: machine)
        guard let step = shared.withPower({ $0.takeStep(cycle) }) else {
            var environment = KernelEnvironment(mayUseTimer: false)
            return shared.wake(.notification(Wake.power), whenFree: .power, &environment)
        }
        switch step {
        // The machine's last output may have had no reader yet when its devices were reset.
        case .nothing: Console().flush()
        case .lookAgain:
            Console().flush()
            setAlarm(in: Monitor.ticksPerMillisecond)
        case .off: reportEnd()
        case .wait(let ticks):
            reportDelay(ticks)
            setAlarm(in: ticks)
        case .waitLonger(let ticks): setAlarm(in: ticks)
        case .cannotStart: report(" cannot start\r\n")
        }
    }

    /// Arranges a call of `continuePowerCycle` after `ticks`. If the timer still belongs to another core, for a
    /// moment or a call of `watch`, that deadline passes within a millisecond or a second and has the same effect.
    private func setAlarm(in ticks: UInt64) {
        setTimer(InitialSlot.notification, deadline: Clock.now &+ ticks, bits: Wake.power)
    }

    /// Serves a fetch from an address at which nothing is mapped. While the machine is being loaded, virtual CPU 0
    /// makes it at the doorstep, and faults again after each piece.
    @inline(never)
    func instructionFetch(_ exit: Exit) -> Answer {
        let fetch: Fetch? = shared.withPower { state in
            guard state.controller.machine == .starting else { return .fault }
            guard let piece = state.cycle.loading.next() else { return .finished }
            return .load(piece)
        }
        switch fetch {
        case nil: return repeatLater(exit, whenFree: .power)
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
}

/// The operations of the kernel that a machine's power cycle needs.
struct MachineCycle: PowerCycleEnvironment {
    let machine: MonitoredMachine

    /// An address at which no machine has memory, because the interrupt controller is there.
    private static let doorstep = PlatformMap.distributor
    /// The room in the console's queue that the report of the end needs.
    private static let reportSize: UInt32 = 512

    func ticks() -> UInt64 { Clock.now }
    func stop(_ virtualCPU: Int) { VirtualCPU(number: virtualCPU).stop() }
    func isStopped(_ virtualCPU: Int) -> Bool { VirtualCPU(number: virtualCPU).isStopped }
    var hasDeferrals: Bool { SharedMachine.own.hasDeferrals }

    func isDrained() -> Bool {
        var environment = KernelEnvironment(mayUseTimer: false)
        let isBusy = SharedMachine.own.exchange(againAt: Monitor.Wake.console, &environment)
        let room = UInt32(ConsoleQueue.capacity) &- Console().output.count
        return !isBusy && room >= MachineCycle.reportSize
    }

    func reset() -> Bool {
        var environment = KernelEnvironment(mayUseTimer: false)
        return SharedMachine.own.resetDevices(&environment) { number, _ in VirtualCPU(number: number).reset() }
    }

    func loadingPlan(maps: Bool) -> LoadingPlan { machine.loadingPlan(maps: maps) }

    func prepareDevices() -> Bool {
        var environment = KernelEnvironment(mayUseTimer: false)
        let areReady = SharedMachine.own.prepareStart(&environment)
        if areReady == nil { SharedMachine.own.signal(Monitor.Wake.power) }
        return areReady == true
    }

    func startAtDoorstep() -> Bool { start(at: MachineCycle.doorstep, argument: 0) }

    func startAtEntry(_ power: MachinePower) -> Bool {
        machine.renewRandomBytes { SharedMachine.own.nextRandomBits(power) }
        SharedMachine.own.publish(power)
        return start(at: machine.entry, argument: machine.argument)
    }

    private func start(at entry: UInt64, argument: UInt64) -> Bool {
        let first = VirtualCPU(number: 0)
        first.prepare(entry: entry, argument: argument)
        return first.start()
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
