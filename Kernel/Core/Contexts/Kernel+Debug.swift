// Debugging inside of a machine: when hardware holds a virtual CPU's debug registers, and obeys them.
//
// Debug exceptions go to the exception level that is debugged, and a component's would go to the kernel. So hardware
// obeys (MDSCR_EL1) only while the virtual CPU runs that has asked for it. A core on which none has asked pays nothing:
// `Core.lazy` then says no more than whether floating point traps, and `becomeCurrent` compares it anyway.
//
// Comparators are loaded lazily, when a virtual CPU is put into hardware that uses them, and stay there until another
// one does. Nobody can see them meanwhile, because each access traps.

extension Kernel {
    /// Returns the value that a machine reads from one of its debug registers.
    public static func readDebug(_ guest: Ref<VirtualCPU>, _ register: DebugRegister) -> UInt64 {
        switch register {
        case .comparator(let comparator): guest.pointee.debug[comparator]
        case .control: guest.pointee.debug.control
        // OSLM is 2: there is an OS lock.
        case .osLockStatus: 1 << 3 | (guest.pointee.debug.isLocked ? 1 << 1 : 0)
        case .osDoubleLock: guest.pointee.debug.isDoubleLocked ? 1 : 0
        case .claimSet: 0xFF
        case .claimClear: guest.pointee.debug.claims
        case .osLockAccess, .empty: 0
        }
    }

    /// A machine's write of one of its debug registers. The virtual CPU is the one that runs on this core.
    public static func writeDebug(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ register: DebugRegister,
        _ value: UInt64
    ) {
        switch register {
        case .comparator(let comparator):
            bringComparators(core, context, guest)
            // Memory keeps what hardware keeps of it.
            guest.pointee.debug[comparator] = M.exchangeComparator(comparator, comparator.permitted(value))
        case .control:
            guest.pointee.debug.control = value & 0xFFFF_FFFF
            arm(core, context, guest)
        case .osLockAccess:
            guest.pointee.debug.isLocked = value & 1 != 0
            arm(core, context, guest)
        case .osDoubleLock:
            guard M.debugFeatures.hasDoubleLock else { return }
            guest.pointee.debug.isDoubleLocked = value & 1 != 0
            arm(core, context, guest)
        case .claimSet: guest.pointee.debug.claims |= value
        case .claimClear: guest.pointee.debug.claims &= ~value
        case .osLockStatus, .empty: break
        }
    }

    /// Has hardware obey what the virtual CPU that runs wants now.
    private static func arm(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>) {
        let wanted = guest.pointee.debug.wanted
        guest.pointee.debug.armed = wanted
        // `becomeCurrent` takes the mark away when it finds that nothing is armed any more.
        if wanted != 0 { enterDebugging(core, context, guest) }
        M.armDebugging(wanted)
    }

    /// A virtual CPU gets the core's EL1 registers, or runs there, that uses its debug registers.
    @inline(never)
    static func enterDebugging(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>) {
        bringComparators(core, context, guest)
        core.pointee.lazy |= Laziness.debugging
    }

    /// Makes this virtual CPU's comparators those of the hardware. At most 64 registers.
    private static func bringComparators(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>
    ) {
        guard core.pointee.debugOwner != context || !guest.pointee.debug.isInHardware else { return }
        // Those that are there now may belong to a virtual CPU that runs no more, but none that are half exchanged
        // may match.
        M.armDebugging(0)
        let features = M.debugFeatures
        bring(guest, .breakpointValue, .breakpointControl, features.breakpoints)
        bring(guest, .watchpointValue, .watchpointControl, features.watchpoints)
        core.pointee.debugOwner = context
        guest.pointee.debug.isInHardware = true
    }

    private static func bring(
        _ guest: Ref<VirtualCPU>, _ values: DebugComparator.Bank, _ controls: DebugComparator.Bank, _ count: UInt64
    ) {
        for number in 0..<Int(count) {
            let value = DebugComparator(values, number), control = DebugComparator(controls, number)
            _ = M.exchangeComparator(value, guest.pointee.debug[value])
            _ = M.exchangeComparator(control, guest.pointee.debug[control])
        }
    }

    /// The part of `becomeCurrent` for what is switched lazily: floating point traps or not, and hardware obeys the
    /// debug registers of `next` if that is a virtual CPU that debugs.
    @inline(__always)
    static func switchLazily(_ core: Ref<Core>, _ next: Ref<ExecutionContext>, traps: UInt8) {
        var lazy = traps
        if core.pointee.lazy & Laziness.debugging != 0 {
            M.armDebugging(next.pointee.guest?.pointee.debug.armed ?? 0)
            // The virtual CPU that is loaded may run again without having been loaded again.
            if let loaded = core.pointee.loaded?.pointee.guest, loaded.pointee.debug.armed != 0 {
                lazy |= Laziness.debugging
            }
        }
        core.pointee.lazy = lazy
        M.setFloatingPointTrap(traps != 0)
    }
}

/// Bits of `Core.lazy`.
enum Laziness {
    static let floatingPointTraps: UInt8 = 1
    /// Each switch has to look at the debug registers. If it is clear, MDSCR_EL1 is 0.
    static let debugging: UInt8 = 2
}
