import ABI
import Foundation

/// A system as its manifest describes it: the board, the machines and the components, all checked.
public struct Manifest: Sendable {
    public var name: String
    public var board: BoardDescription
    /// The program of this repository that starts first and receives everything that the kernel does not need.
    public var root = Manifest.standardRoot
    /// In the order of the file.
    public var machines: [MachineDescription]
    /// In the order of the file.
    public var components: [ComponentDescription]
    /// Machines and components in the order in which they start: that of the file, unless `after` asks for another.
    /// The console driver, which starts before all of them, is not in it.
    public var tenants: [TenantDescription]
    /// In the order of the file.
    public var groups: [GroupDescription]
    /// In the order of the file.
    public var sharedMemory: [SharedMemoryDescription] = []
    /// The criticality of machines, components and groups, by name.
    public var levels: [String: CriticalityDescription] = [:]
    /// How the console driver is restarted, which the manifest does not name.
    public var consoleDriverRestart = RestartDescription.tenant
    /// The manifest's file.
    public var file: URL
    /// The place in it that says how much memory the board has; nil if the command line does.
    public var memoryPlace: Diagnostic.Place?
    /// Reasons why the system, although it is accepted, may not do what its author expects.
    public var warnings: [Diagnostic] = []

    /// The program that starts the machines and components.
    public static let standardRoot = "Root"
}

/// The board that the system runs on.
public struct BoardDescription: Sendable, Equatable {
    /// The emulator's name of the board.
    public var name = "virt"
    /// The emulator's name of the CPU model.
    public var cpu = "cortex-a57"
    /// 1…8.
    public var cores = 1
    /// Bytes of RAM.
    public var memory: UInt64 = 1 << 30
    /// The board's reaction when the top of the supervision tree gives up.
    public var onFailure = OnFailure.goOn

    public init() {}
}

/// Where a machine's operating system comes from.
public enum GuestSource: Sendable, Equatable {
    case debian(flavour: DebianFlavour)
    case files(kernel: URL, initrd: URL?, format: GuestImage.Format)
    /// A bare program for machines: a target of this repository, below `Guests`.
    case target(String)
}

/// Debian's kernels for arm64.
public enum DebianFlavour: String, Sendable, CaseIterable {
    /// `linux-image-cloud-arm64`: the drivers that virtual machines need.
    case cloud
    /// `linux-image-arm64`: all drivers.
    case generic
}

/// A machine: virtual hardware and the operating system on it.
public struct MachineDescription: Sendable, Equatable {
    public var name: String
    public var guest: GuestSource = .debian(flavour: .cloud)
    /// The program of this repository that emulates its devices.
    public var monitor = "Monitor"
    /// The kernel's whole command line.
    public var commandLine = "console=ttyAMA0"
    /// Bytes of RAM; a multiple of 2 MiB.
    public var memory: UInt64 = 256 << 20
    /// Virtual CPUs, 1…4.
    public var cpus = 1
    /// 0…31, 31 most urgent.
    public var priority = 8
    /// The core of the first virtual CPU; the others follow round-robin.
    public var core = 0
    /// Whether a reset restarts the machine; otherwise it ends it.
    public var restarts = true
    /// Whether a panic of the guest is a death of the machine; otherwise its console says so.
    public var diesOfPanic = false
    /// Whether it has a watchdog, which it dies of when that expires.
    public var hasWatchdog = false
    /// The machine that this one can wake by a doorbell.
    public var eventPeer: String?
    /// Names of the machines and components that start before it.
    public var after: [String] = []
    /// A device tree source overlay that is applied to the machine's device tree.
    public var deviceTree: URL?
    /// Those of the manifest's shared memories of which it is an end.
    public var sharedMemory: [SharedMemoryEnd] = []
    public var restart = RestartDescription.tenant

    public init(name: String) { self.name = name }
}

/// Where a component's program comes from.
public enum ProgramSource: Sendable, Equatable {
    /// A target of this repository.
    case target(String)
    /// The folder of a Swift package.
    case package(URL)
}

/// A component: a native program beside the machines.
public struct ComponentDescription: Sendable, Equatable {
    public var name: String
    public var program: ProgramSource
    /// Bytes of memory beyond the program's own; a multiple of 4 KiB.
    public var memory: UInt64 = 64 << 10
    /// Bytes of its stack; a multiple of 4 KiB.
    public var stack = Program.defaultStackSize
    /// 0…31, 31 most urgent.
    public var priority = 16
    public var core = 0
    /// At most 8 words; what they mean is the component's affair.
    public var arguments: [UInt64] = []
    /// `budget` and `period`: how much of its core it may use.
    public var allowance = TimeAllowance.unlimited
    /// Whom it may call.
    public var uses: [ConnectionDescription] = []
    /// The file that another component pages in for it.
    public var paged: PagedDescription?
    /// Bytes of memory that it may share with those whom it calls; a multiple of 4 KiB.
    public var shared: UInt64 = 0
    /// Devices of the board that it drives, and memory that they may access.
    public var devices: [DeviceRequest] = []
    public var dma: [DMAMemoryDescription] = []
    /// Names of the machines and components that start before it.
    public var after: [String] = []
    public var restart = RestartDescription.tenant

    public init(name: String, program: ProgramSource) {
        self.name = name
        self.program = program
    }
}

/// A machine or a component.
public enum TenantDescription: Sendable, Equatable {
    case machine(MachineDescription)
    case component(ComponentDescription)

    public var name: String {
        switch self {
        case .machine(let machine): machine.name
        case .component(let component): component.name
        }
    }

    public var after: [String] {
        switch self {
        case .machine(let machine): machine.after
        case .component(let component): component.after
        }
    }

    public var restart: RestartDescription {
        get {
            switch self {
            case .machine(let machine): machine.restart
            case .component(let component): component.restart
            }
        }
        set {
            switch self {
            case .machine(var machine):
                machine.restart = newValue
                self = .machine(machine)
            case .component(var component):
                component.restart = newValue
                self = .component(component)
            }
        }
    }
}

/// Changes of the command line to the manifest's board.
public struct BoardOverrides: Sendable {
    public var cpu: String?
    /// When there are fewer than in the manifest, a tenant's core is taken modulo this number.
    public var cores: Int?
    public var memory: UInt64?

    public init(cpu: String? = nil, cores: Int? = nil, memory: UInt64? = nil) {
        self.cpu = cpu
        self.cores = cores
        self.memory = memory
    }
}
