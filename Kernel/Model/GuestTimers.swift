import KernelCore

/// The two timers of the loaded virtual CPU (DDI 0487, D12.2).
struct GuestTimers {
    /// Indices in `VirtualCPU.system`: control and compare value of the virtual timer, then of the physical one.
    enum Index {
        static let virtualControl = 22
        static let virtualCompare = 23
        static let physicalControl = 24
        static let physicalCompare = 25
    }

    private var virtual = Ticks.never
    private var physical = Ticks.never

    func isAsserted(_ interrupt: UInt32, _ now: Ticks) -> Bool { (interrupt == 27 ? virtual : physical) <= now }

    mutating func set(_ interrupt: UInt32, _ deadline: Ticks) {
        if interrupt == 27 { virtual = deadline } else { physical = deadline }
    }

    mutating func load(_ guest: Ref<VirtualCPU>) {
        virtual = Self.deadline(guest, Index.virtualControl, Index.virtualCompare)
        physical = Self.deadline(guest, Index.physicalControl, Index.physicalCompare)
    }

    mutating func unload(_ guest: Ref<VirtualCPU>) {
        Self.store(virtual, guest, Index.virtualControl, Index.virtualCompare)
        Self.store(physical, guest, Index.physicalControl, Index.physicalCompare)
        self = GuestTimers()
    }

    /// Returns the deadline of a timer of a virtual CPU that is not loaded.
    static func deadline(_ guest: Ref<VirtualCPU>, _ interrupt: UInt32) -> Ticks {
        interrupt == 27
            ? deadline(guest, Index.virtualControl, Index.virtualCompare)
            : deadline(guest, Index.physicalControl, Index.physicalCompare)
    }

    private static func deadline(_ guest: Ref<VirtualCPU>, _ control: Int, _ compare: Int) -> Ticks {
        guest.pointee.system[control] & 3 == 1 ? Ticks(guest.pointee.system[compare]) : .never
    }

    private static func store(_ deadline: Ticks, _ guest: Ref<VirtualCPU>, _ control: Int, _ compare: Int) {
        guest.pointee.system[control] = deadline == .never ? 0 : 1
        guest.pointee.system[compare] = deadline.value
    }
}
