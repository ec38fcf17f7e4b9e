/// A system that the benchmarks measure, or whose figures they quote.
enum Subject: String, Codable, CaseIterable, Sendable {
    case entente
    /// Debian's kernel on the bare board.
    case native
    /// Debian's kernel and QEMU as a host on the board, with the same kernel as guest.
    case kvm
    /// Xen with a Debian dom0 on the board, with the same kernel as domU.
    case xen
    /// seL4 with its kernel at EL1.
    case seL4 = "sel4"
    /// seL4 in hypervisor mode.
    case seL4Hypervisor = "sel4-hyp"
    /// seL4 in hypervisor mode, with scheduling contexts.
    case seL4MCS = "sel4-mcs"
    /// seL4 in hypervisor mode, with its fast path for exceptions.
    case seL4FastPath = "sel4-fast"
    case nova

    /// The head of the subject's column.
    var title: String {
        switch self {
        case .entente: "Entente"
        case .native: "bare board"
        case .kvm: "KVM"
        case .xen: "Xen"
        case .seL4: "seL4"
        case .seL4Hypervisor: "seL4 hyp"
        case .seL4MCS: "seL4 hyp+MCS"
        case .seL4FastPath: "seL4 hyp, exception fast path"
        case .nova: "NOVA"
        }
    }

    /// True if the harness can set the subject up. The figures of all others are quoted.
    var canBeMeasured: Bool { Subject.measurable.contains(self) }

    static let measurable: [Subject] = [.entente, .native, .kvm, .xen]
}
