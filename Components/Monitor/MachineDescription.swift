import ABI
import Entente
import RuntimeSupport
import VirtualPlatform

/// What root tells of the machine, and loading it into its RAM.
@safe
struct MachineDescription {
    private let configuration: UnsafePointer<ComponentConfiguration>

    static var own: MachineDescription { MachineDescription() }

    private init() {
        // SAFETY: root mapped the configuration there, read-only, for as long as the component lives.
        unsafe configuration = UnsafePointer(bitPattern: UInt(ComponentLayout.configuration))!
    }

    private var machine: MachineConfiguration {
        // SAFETY: see `init`.
        unsafe configuration.pointee.machine
    }

    var memory: MemoryRange { machine.memory }
    var entry: UInt64 { machine.entry }
    var argument: UInt64 { machine.argument }
    var restarts: Bool { machine.restarts != 0 }
    /// Whether its RAM holds what an earlier life of the machine and its monitor left.
    var hasLivedBefore: Bool {
        // SAFETY: see `init`.
        unsafe configuration.pointee.earlierLives != 0
    }
    var virtualCPUCount: Int {
        Int(min(max(machine.virtualCPUs, 1), UInt64(PlatformMap.maximumVirtualCPUs)))
    }

    /// Copies the machine's segments into its RAM, and through the caches: the guest starts with them off.
    func load() {
        for index in 0..<machine.segments.count where machine.segments[index].size != 0 {
            let segment = machine.segments[index]
            entente_copy_blocks(segment.address, ComponentLayout.modules + segment.offset, segment.size)
            entente_clean_to_memory(segment.address, segment.size)
        }
    }

    /// Wipes the machine's RAM, which after the first start holds what the guest left.
    func clearMemory() {
        entente_zero_blocks(memory.base, memory.size)
        entente_clean_to_memory(memory.base, memory.size)
    }

    /// Writes the zeroes that root has put into the machine's RAM to memory, and takes them out of the caches: the
    /// guest starts with its caches off, and a line that is written back later would destroy what it has stored.
    func cleanMemory() { entente_clean_to_memory(memory.base, memory.size) }

    func writeName(to console: Console) {
        // SAFETY: see `init`.
        let name = unsafe configuration.pointee.name
        for index in 0..<name.count where name[index] != 0 { console.putPatiently(name[index]) }
    }
}
