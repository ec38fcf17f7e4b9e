import ABI
import Foundation

/// A system as its manifest describes it: the board, the machines and the components, all checked.
public struct Manifest: Sendable {
    public var name: String
    public var board: BoardDescription
    /// The program of this repository that starts first and receives everything that the kernel does not need.
    public var root = Manifest.standardRoot
    /// The machines and components in the order of their start. That is the order of the file, unless `after` asks
    /// for another. The console driver starts before all of them, and is not in the list. The parts that the tool adds
    /// for disks are in it.
    public var tenants: [TenantDescription]
    /// The groups, in the order of the file.
    public var groups: [GroupDescription]
    /// The shared memories, in the order of the file.
    public var sharedMemory: [SharedMemoryDescription] = []
    public var disks = SystemDisks()
    /// The criticality of machines, components and groups, by name.
    public var levels: [String: CriticalityDescription] = [:]
    /// The program of the console driver. Tests replace it by one that hangs.
    public var consoleDriver = ConsoleDriver.target
    /// The restarts of the console driver, which the manifest does not name.
    public var consoleDriverRestart = RestartDescription.tenant
    /// The manifest's file.
    public var file: URL
    /// The places of the machines and components in it, by name.
    public var places: [String: Diagnostic.Place] = [:]
    /// The place in it that says how much memory the board has; nil if the command line does.
    public var memoryPlace: Diagnostic.Place?
    /// Reasons why the system, although it is accepted, may not do what its author expects.
    public var warnings: [Diagnostic] = []

    /// The program that starts the machines and components.
    public static let standardRoot = "Root"

    /// The machines among the tenants, in the order in which they start.
    public var machines: [MachineDescription] { tenants.compactMap(\.machine) }
    /// The components among the tenants, in the order in which they start.
    public var components: [ComponentDescription] { tenants.compactMap(\.component) }
}

/// The board on which the system runs.
public struct BoardDescription: Sendable, Equatable {
    /// The emulator's name of the board.
    public var name = "virt"
    /// The emulator's name of the CPU model.
    public var cpu = "cortex-a57"
    /// The number of cores, 1…8.
    public var cores = 1
    /// The size of the RAM in bytes.
    public var memory: UInt64 = 1 << 30
    /// The board's reaction to a failure at the top of the supervision tree.
    public var onFailure = OnFailure.goOn

    public init() {}
}

/// The origin of a machine's operating system.
public enum GuestSource: Sendable, Equatable {
    /// Debian's kernel with an initial RAM disk of the tool.
    case debian(flavour: DebianFlavour)
    /// A whole Debian on the machine's disk `root`. The kernel is that of the disk if there is firmware that starts it,
    /// and otherwise one that the tool keeps.
    case debianDisk(DebianSystem, firmware: FirmwareSource? = nil)
    case files(kernel: URL, initrd: URL?, format: GuestFormat)
    /// A bare program for machines: a target of this repository, below `Guests`.
    case target(String)
    case firmware(FirmwareSource)

    /// True if the machine starts from firmware, which finds a kernel on a disk.
    public var isFirmware: Bool {
        switch self {
        case .firmware, .debianDisk(_, .some): true
        default: false
        }
    }
}

/// The origin of the firmware from which a machine starts, which then boots an operating system from a disk.
public enum FirmwareSource: Sendable, Equatable {
    /// U-Boot for QEMU's `virt` board, from Debian's package `u-boot-qemu`.
    case uBoot
    /// edk2, which implements UEFI, from Debian's package `qemu-efi-aarch64`.
    case edk2
    case file(URL)

    /// The words of the manifest for Debian's firmware.
    public static let names: [(name: String, source: FirmwareSource)] = [("u-boot", .uBoot), ("edk2", .edk2)]
}

/// A machine: virtual hardware and the operating system on it.
public struct MachineDescription: Sendable, Equatable {
    public var name: String
    public var guest: GuestSource = .debian(flavour: .cloud)
    /// The program of this repository that emulates its devices.
    public var monitor = "Monitor"
    /// The kernel's whole command line.
    public var commandLine = "console=ttyAMA0"
    /// The size of the RAM in bytes; a multiple of 2 MiB.
    public var memory: UInt64 = 256 << 20
    /// The number of virtual CPUs, 1…`MachineConfiguration.maximumVirtualCPUs`.
    public var cpus = 1
    /// The priority, 0…31. 31 is the most urgent.
    public var priority = 8
    /// The core of the first virtual CPU; the others follow round-robin.
    public var core = 0
    /// True if a reset restarts the machine, and false if a reset ends it.
    public var restarts = true
    /// True if the machine dies when its guest panics, and false if its console only reports the panic.
    public var diesOfPanic = false
    /// True if the machine has a watchdog, which ends the machine when it expires.
    public var hasWatchdog = false
    /// The machine that this one can wake by a doorbell.
    public var eventPeer: String?
    /// The names of the machines and components that start before it.
    public var after: [String] = []
    /// The overlay in device-tree source that the tool applies to the machine's device tree.
    public var deviceTree: URL?
    /// The manifest's shared memories of which the machine is an end.
    public var sharedMemory: [SharedMemoryEnd] = []
    /// The disks. Disk N has the virtio slot N.
    public var disks: [DiskDescription] = []
    public var restart = RestartDescription.tenant

    public init(name: String) { self.name = name }
}

/// The origin of a component's program.
public enum ProgramSource: Sendable, Equatable {
    /// A target of this repository.
    case target(String)
    /// The folder of a Swift package.
    case package(URL)
}

/// A component: a native program beside the machines.
public struct ComponentDescription: Sendable, Equatable {
    public var name: String
    /// True for a part that the tool adds, and that the manifest does not name.
    public var isAdded = false
    public var program: ProgramSource
    /// The size of its memory beyond the program's own, in bytes; a multiple of 4 KiB.
    public var memory: UInt64 = 64 << 10
    /// The size of its stack in bytes; a multiple of 4 KiB.
    public var stack = Program.defaultStackSize
    /// The priority, 0…31. 31 is the most urgent.
    public var priority = 16
    public var core = 0
    /// The arguments, at most 8 words. The component defines their meaning.
    public var arguments: [UInt64] = []
    /// The time that it may use of its core, from `budget` and `period`.
    public var allowance = TimeAllowance.unlimited
    /// The components that it may call.
    public var uses: [ConnectionDescription] = []
    /// The file that another component pages in for it.
    public var paged: PagedDescription?
    /// The size of the memory that it shares with each of its servers, in bytes; a multiple of 4 KiB.
    public var shared: UInt64 = 0
    /// The devices of the board that it drives. `dma` is the memory that these may access.
    public var devices: [DeviceRequest] = []
    public var dma: [DMAMemoryDescription] = []
    /// The disks. Disk N has the number N in the component's connection.
    public var disks: [DiskDescription] = []
    /// The names of the machines and components that start before it.
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

    public var name: String { self[\.name, \.name] }

    /// Nil for a component.
    public var machine: MachineDescription? {
        if case .machine(let machine) = self { machine } else { nil }
    }

    /// Nil for a machine.
    public var component: ComponentDescription? {
        if case .component(let component) = self { component } else { nil }
    }

    public var after: [String] { self[\.after, \.after] }

    public var priority: Int { self[\.priority, \.priority] }

    /// The core of a component, or of a machine's first virtual CPU.
    public var core: Int {
        get { self[\.core, \.core] }
        set { self[\.core, \.core] = newValue }
    }

    public var restart: RestartDescription {
        get { self[\.restart, \.restart] }
        set { self[\.restart, \.restart] = newValue }
    }

    /// A key that machines and components both have.
    private subscript<Value>(
        machinePath: WritableKeyPath<MachineDescription, Value>,
        componentPath: WritableKeyPath<ComponentDescription, Value>
    ) -> Value {
        get {
            switch self {
            case .machine(let machine): machine[keyPath: machinePath]
            case .component(let component): component[keyPath: componentPath]
            }
        }
        set {
            switch self {
            case .machine(var machine):
                machine[keyPath: machinePath] = newValue
                self = .machine(machine)
            case .component(var component):
                component[keyPath: componentPath] = newValue
                self = .component(component)
            }
        }
    }
}

/// The changes of the command line to the manifest's board.
public struct BoardOverrides: Sendable {
    public var cpu: String?
    /// The number of cores. If it is smaller than the manifest's, each tenant's core is taken modulo this number.
    public var cores: Int?
    public var memory: UInt64?

    public init(cpu: String? = nil, cores: Int? = nil, memory: UInt64? = nil) {
        self.cpu = cpu
        self.cores = cores
        self.memory = memory
    }
}
