import ABI
@_spi(Kernel) import Entente

/// Builds the objects of the measurements in the board's RAM, and a second address space with the program in it.
public struct ObjectFactory {
    /// The second address space.
    public private(set) var space: UInt32 = 0
    private var nextSlot: UInt32 = 64
    private var nextStack = ComponentLayout.stackTop - ComponentLayout.stackStride

    /// The priority of threads, which are more urgent than the client. A thread that becomes ready runs at once, on
    /// its own time until it first waits.
    public static let threadPriority: UInt64 = 31
    /// The priority with which root starts.
    public static let clientPriority: UInt64 = 30
    /// An address at which no space has a mapping.
    public static let nowhere: UInt64 = ComponentLayout.devices
    /// The start of a range without mappings. The distance of an access from it encodes a number.
    public static let report: UInt64 = 0x40_0000_0000
    private static let stackSize: UInt64 = 16 << 10

    /// Makes the second address space, and maps the program into it.
    /// - Parameter image: the address at which this program sees its image.
    public init(image: UInt64) {
        self.image = image
        // SAFETY: the kernel mapped the image there, read-only, and checked its magic and version.
        program = unsafe UnsafePointer<ImageHeader>(bitPattern: UInt(image)).unsafelyUnwrapped.pointee.root
        space = create(.addressSpace, 32)
        mapProgram(into: space, of: RootSlot.firstRegion)
    }

    private let image: UInt64
    private let program: ProgramRecord

    /// Creates an object, and returns the slot of its capability.
    public mutating func create(
        _ kind: ObjectKind, _ parameter: UInt64 = 0, alignment: UInt64 = 4096,
        of region: UInt32 = RootSlot.firstRegion
    ) -> UInt32 {
        let slot = reserveSlots(1)
        let selector = Selector(slot: region, form: UInt32(kind.rawValue))
        require(invokeUntilDone(.create, selector, Words(parameter, UInt64(slot), alignment)), "create an object")
        return slot
    }

    /// Reserves slots that stay empty until the measurement fills them. Returns the first one.
    public mutating func reserveSlots(_ count: UInt32) -> UInt32 {
        nextSlot += count
        return nextSlot - count
    }

    /// Gives back the slots that were reserved last.
    public mutating func giveBackSlots(_ count: UInt32) { nextSlot -= count }

    /// Gives back this slot and all that were reserved later. They are empty.
    public mutating func giveBackSlots(from first: UInt32) { nextSlot = first }

    /// Makes a thread of the second address space that has begun its task.
    /// - Parameters:
    ///   - role: the task of the thread, which it gets in place of a core's number.
    ///   - portal: the portal that gets its faults; 0 for none.
    public mutating func thread(
        _ role: UInt64, faultPortal portal: UInt32 = 0, priority: UInt64 = threadPriority, starts: Bool = true
    ) -> UInt32 {
        let thread = create(.thread)
        let scheduling = schedulingContext(priority: priority)
        let words = Words(UInt64(space), UInt64(InitialSlot.table), UInt64(portal), UInt64(scheduling), 0)
        require(contextControl(thread, .configure, words), "configure a thread")
        let stack = create(.extent, Self.stackSize)
        map(stack, into: space, nextStack - Self.stackSize, size: Self.stackSize, .write)
        writeRegisters(thread, first: 0, count: 2, role, role)
        writeRegisters(thread, first: RegisterNumber.stackPointer, count: 2, nextStack, program.entry)
        nextStack -= ComponentLayout.stackStride
        if starts { require(contextControl(thread, .start), "start a thread") }
        return thread
    }

    /// The slots of a component's objects.
    public struct Component {
        public let region, table, space, thread: UInt32
    }

    /// Builds a component of its own in one region. The component is more urgent and
    /// so runs at once.
    ///
    /// - Parameters:
    ///   - role: the task of its thread.
    ///   - heard: the notification that it may signal.
    public mutating func buildComponent(_ role: UInt64, _ heard: UInt32) -> Component {
        let region = create(.region, Self.componentMemory)
        let table = create(.capabilityTable, 32, of: region)
        let space = create(.addressSpace, 8, of: region)
        mapProgram(into: space, of: region)
        let stack = create(.extent, Self.stackSize, of: region)
        map(stack, into: space, ComponentLayout.stackTop - Self.stackSize, size: Self.stackSize, .write)
        require(
            invoke(
                .derive, Selector(slot: heard),
                Words(UInt64(table), UInt64(InitialSlot.notification), UInt64(Rights.write.rawValue))), "derive")
        let thread = create(.thread, of: region)
        let time = schedulingContext(priority: Self.threadPriority, of: region)
        let words = Words(UInt64(space), UInt64(table), 0, UInt64(time), 0)
        require(contextControl(thread, .configure, words), "configure a thread")
        writeRegisters(thread, first: 0, count: 2, role, role)
        writeRegisters(thread, first: RegisterNumber.stackPointer, count: 2, ComponentLayout.stackTop, program.entry)
        require(contextControl(thread, .start), "start a thread")
        return Component(region: region, table: table, space: space, thread: thread)
    }

    private static let componentMemory: UInt64 = 256 << 10

    public mutating func schedulingContext(priority: UInt64, of region: UInt32 = RootSlot.firstRegion) -> UInt32 {
        let scheduling = create(.schedulingContext, of: region)
        let selector = Selector(slot: scheduling, form: ScheduleControl.configure.rawValue)
        require(
            invoke(.scheduleControl, selector, Words(0, priority, Clock.frequency / 100)),
            "configure a scheduling context")
        return scheduling
    }

    /// Maps this program, and returns the address of its entry.
    /// - Parameter region: the region of the copies of writable segments.
    @discardableResult
    public mutating func mapProgram(into space: UInt32, of region: UInt32) -> UInt64 {
        for index in 0..<4 where program.segments[index].memorySize != 0 {
            mapSegment(program.segments[index], image, into: space, of: region)
        }
        return program.entry
    }

    /// Maps a segment. Read-only segments stay in the image; a writable one is copied, so that the spaces share no
    /// memory that changes.
    private mutating func mapSegment(_ segment: ProgramSegment, _ image: UInt64, into space: UInt32, of region: UInt32)
    {
        let rights = Rights(rawValue: UInt8(truncatingIfNeeded: segment.rights))
        guard rights.contains(.write) else {
            map(
                RootSlot.image, into: space, segment.address, offset: segment.offset, size: segment.memorySize,
                rights)
            return
        }
        let copy = create(.extent, segment.memorySize, of: region)
        let view = map(copy, into: InitialSlot.space, ComponentLayout.workspace, size: segment.memorySize, .write)
        // SAFETY: the copy was just mapped there, the segment's bytes lie in the image; both are this long.
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(ComponentLayout.workspace)).unsafelyUnwrapped.copyMemory(
            from: UnsafeRawPointer(bitPattern: UInt(image + segment.offset)).unsafelyUnwrapped,
            byteCount: Int(segment.fileSize))
        require(revoke(view, .delete) == .ok, "unmap memory", status: .ok)
        map(copy, into: space, segment.address, size: segment.memorySize, rights)
    }

    /// Maps all of an extent, or a part that is small enough for one operation. Returns the mapping's slot.
    @discardableResult
    public mutating func map(
        _ extent: UInt32, into space: UInt32, _ address: UInt64, offset: UInt64 = 0, size: UInt64, _ rights: Rights
    ) -> UInt32 {
        let slot = nextSlot
        nextSlot += 1
        let bits = UInt64(rights.rawValue | Rights.read.rawValue)
        var done: UInt64 = 0
        while done < size {
            let answer = invoke(
                .map, Selector(slot: space),
                Words(UInt64(extent), address + done, offset + done, size - done, bits, UInt64(slot)))
            require(answer.has(.ok) || answer.has(.again), "map memory", status: answer.status)
            done += answer.words.w0
        }
        return slot
    }
}
