import ABI

// The only file in which this module differs between board and host. On the board the module calls the kernel, and on
// the host it calls a test's stand-in.

#if hasFeature(Embedded)
    import RuntimeSupport
    import Synchronization

    private let hasWaitedInVain = Atomic<Bool>(false)

    enum Seam {
        /// True after a byte of output has waited in vain for room. Later bytes then do not wait until one has found
        /// room.
        @inline(__always) static var hasWaitedInVain: Bool {
            get { Entente.hasWaitedInVain.load(ordering: .relaxed) }
            set { Entente.hasWaitedInVain.store(newValue, ordering: .relaxed) }
        }

        @inline(__always)
        static func invoke(_ operation: Operation, _ selector: Selector, _ words: Words) -> Answer {
            let back = entente_svc(
                operation.rawValue, selector.bits, words.w0, words.w1, words.w2, words.w3, words.w4, words.w5)
            return Answer(
                rawStatus: back.x0, tag: back.x1,
                words: Words(back.x2, back.x3, back.x4, back.x5, back.x6, back.x7))
        }

        static var counter: UInt64 { entente_counter() }
        static var counterFrequency: UInt64 { entente_counter_frequency() }

        /// Returns the place of the memory that this component has at `address`.
        @inline(__always) static func address(_ address: UInt64) -> UInt64 { address }

        static func orderDeviceAccesses() { entente_device_barrier() }

        /// Copies whole pages. Both places must be this component's own mapped memory, and multiples of 4 KiB.
        @unsafe static func copyPages(to: UInt64, from: UInt64, size: UInt64) { entente_copy_blocks(to, from, size) }
    }
#else
    /// A stand-in for the kernel on the host; `EntenteTesting` has one.
    public protocol KernelStandIn: AnyObject, Sendable {
        func invoke(_ operation: Operation, _ selector: Selector, _ words: Words) -> Answer
        /// The system counter in ticks. `counterFrequency` is the number of ticks in a second.
        var counter: UInt64 { get }
        var counterFrequency: UInt64 { get }
        /// Returns the place on the host of the memory that a component has at this address. The place never changes.
        func address(_ componentAddress: UInt64) -> UInt64
        /// The console's state between two bytes of a component's life; false at its start. It belongs to the
        /// component and not to the process, because the components of several tests run side by side.
        var hasWaitedInVain: Bool { get set }
        /// Reads the `width` bytes of a device's register at this address of the component.
        func readRegister(at address: UInt64, width: Int) -> UInt64
        func writeRegister(_ value: UInt64, at address: UInt64, width: Int)
    }

    extension KernelStandIn {
        public func readRegister(at address: UInt64, width: Int) -> UInt64 {
            fatalError("this stand-in for the kernel has no devices")
        }
        public func writeRegister(_ value: UInt64, at address: UInt64, width: Int) {
            fatalError("this stand-in for the kernel has no devices")
        }
    }

    /// The stand-in that replaces the kernel in the present task.
    public enum HostKernel {
        @TaskLocal public static var current: (any KernelStandIn)?
    }

    enum Seam {
        static var kernel: any KernelStandIn {
            guard let kernel = HostKernel.current else {
                fatalError(
                    "no stand-in for the kernel: run this code inside of FakeComponent.run { … } (EntenteTesting)")
            }
            return kernel
        }

        static func invoke(_ operation: Operation, _ selector: Selector, _ words: Words) -> Answer {
            kernel.invoke(operation, selector, words)
        }

        static var hasWaitedInVain: Bool {
            get { kernel.hasWaitedInVain }
            set { kernel.hasWaitedInVain = newValue }
        }

        static var counter: UInt64 { kernel.counter }
        static var counterFrequency: UInt64 { kernel.counterFrequency }
        static func address(_ address: UInt64) -> UInt64 { kernel.address(address) }

        static func orderDeviceAccesses() {}

        @unsafe static func copyPages(to: UInt64, from: UInt64, size: UInt64) {
            // SAFETY: the caller names memory of this component, for which the stand-in has memory of the same size.
            unsafe UnsafeMutableRawPointer(bitPattern: UInt(address(to))).unsafelyUnwrapped.copyMemory(
                from: UnsafeRawPointer(bitPattern: UInt(address(from))).unsafelyUnwrapped, byteCount: Int(size))
        }
    }
#endif
