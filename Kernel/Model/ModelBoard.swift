import Foundation
import KernelCore
import SharedAccess
import Synchronization

/// A board of the model: RAM, one to eight cores, a clock that moves only when a test moves it, and a record of the
/// kernel's faults.
///
/// Tests make a board, run kernel code on its `cores`, and check `takeFaults`. `ModelHardware` is the interface that
/// the kernel uses; `ModelCore` holds the hardware of one core.
public final class ModelBoard: @unchecked Sendable {
    /// The RAM. The kernel's own state lies at its start, followed by a page for each core.
    let memory: PhysicalMemory
    public let kernelBoard: Ref<Board>
    public private(set) var cores: [ModelCore] = []
    /// The start of the RAM that no object uses yet.
    public private(set) var freeMemory: PhysicalAddress
    public var endOfMemory: PhysicalAddress { memory.end }

    let clock = Atomic<UInt64>(1)
    private var translations = TranslationModel()
    /// Guards `translations`. It is no `Mutex`, because cores wait for it often, and the thread sanitizer does not
    /// see that a thread which had to wait for a `Mutex` comes after the last holder.
    private let translationLock = NSLock()
    private let recorded = Mutex<[ModelFault]>([])
    private let written = Mutex<[UInt8]>([])

    /// - Parameters:
    ///   - memory: the bytes of RAM, a multiple of 4 KiB. Only touched pages cost host memory.
    ///   - listRegisters: the number of list registers of each core's virtual CPU interface, 1 to 16.
    public init(cores count: Int = 1, memory size: UInt64 = 64 << 20, listRegisters: Int = 4) {
        precondition((1...CoreID.maximum).contains(count))
        memory = PhysicalMemory(size: size)
        kernelBoard = Ref(at: memory.base)
        freeMemory = memory.base + Page.roundUp(UInt64(MemoryLayout<Board>.size))
        kernelBoard.pointee.coreCount = UInt8(count)
        for index in 0..<count {
            let core = Ref<Core>(at: take(Page.roundUp(UInt64(MemoryLayout<Core>.size))))
            core.pointee.id = CoreID(UInt8(index))
            core.pointee.deadline = .never
            core.pointee.floatingPointTraps = true
            kernelBoard.pointee.cores[index] = core
            cores.append(
                ModelCore(board: self, kernelCore: core, id: CoreID(UInt8(index)), listRegisters: listRegisters))
        }
    }

    /// Takes zeroed pages for objects that exist before the first operation.
    public func take(_ size: UInt64) -> PhysicalAddress {
        let address = freeMemory
        freeMemory = freeMemory + Page.roundUp(size)
        precondition(freeMemory <= endOfMemory, "the model's RAM is too small")
        return address
    }

    // MARK: Time

    public var now: Ticks { Ticks(clock.load(ordering: .relaxed)) }
    public func advance(by ticks: UInt64) { clock.wrappingAdd(ticks, ordering: .relaxed) }

    // MARK: Faults

    func report(_ fault: ModelFault) { recorded.withLock { $0.append(fault) } }

    /// Returns all faults since the last call, those of the translation tables included. Call it when the kernel has
    /// returned.
    public func takeFaults() -> [ModelFault] {
        let stale = withTranslations { $0.faults() }
        return recorded.withLock { faults in
            defer { faults = [] }
            return faults + stale
        }
    }

    func withTranslations<Result: Sendable>(_ body: (inout TranslationModel) -> Result) -> Result {
        SharedAccess.whole { translationLock.withLock { body(&translations) } }
    }

    // MARK: Console

    func write(_ byte: UInt8) { written.withLock { $0.append(byte) } }
    /// The bytes that the kernel wrote to its console.
    public var console: [UInt8] { written.withLock { $0 } }
}

extension ModelBoard {
    // MARK: Tenants without a kernel, for tests of the model itself

    /// Records that a tenant runs; nil stands for a component. Returns faults for TLB entries that it could hit
    /// although they are not its own.
    public func run(_ translation: Translation, virtualCPU: UInt64?, core: CoreID) -> [ModelFault] {
        withTranslations { $0.traces.run(translation, virtualCPU: virtualCPU, core: core) }
    }

    /// Records that the tenant of a core no longer runs.
    public func enterKernel(core: CoreID) { withTranslations { $0.traces.enterKernel(core: core) } }
}
