import ABI
import Foundation

/// Joins the kernel, root and the tenants into the one file that the board boots.
///
/// The manifest's parser has checked the tenants, because it can name the place of a mistake. The writer checks only
/// what nobody knows before programs, files and the board are there.
public struct SystemImageWriter {
    public var kernel: KernelImage
    public var board: Board
    public var root: Program
    /// The tenants in the order of their start. The first is the console driver, the only one of its kind.
    public var tenants: [Tenant]
    /// The groups. Their members are tenants and groups, by name.
    public var groups: [GroupDescription] = []
    public var onFailure = OnFailure.goOn
    /// The shared memories. Their ends are tenants, by name.
    public var sharedMemory: [SharedMemoryDescription] = []
    public var disks = SystemDisks()

    /// The number of further slots of root's table, for a program in root's place that fills them itself.
    public var furtherRootSlots: UInt32 = 0

    /// The place in the manifest that says how much memory the board has.
    public var memoryPlace: Diagnostic.Place?

    public init(kernel: KernelImage, board: Board, root: Program, tenants: [Tenant]) {
        self.kernel = kernel
        self.board = board
        self.root = root
        self.tenants = tenants
    }

    /// Returns the file: the kernel, zeros up to `ImageHeader.alignment`, and the image.
    ///
    /// - Throws: `Failure` when the board's memory does not hold the tenants.
    public func write() throws(Failure) -> Data {
        let (plan, image, rootSlots) = try planned()
        try checkMemory(plan, imageSize: UInt64(image.count), rootSlots: rootSlots)
        return kernel.joined(with: image, alignment: Int(ImageHeader.alignment))
    }

    /// Returns the plan of the system.
    ///
    /// - Throws: `Failure` when the plan contradicts itself. It does not look at the size of the board's memory.
    public func plan() throws(Failure) -> Plan { try planned().plan }

    func planned() throws(Failure) -> (plan: Plan, image: Data, rootSlots: UInt64) {
        var contents = ImageContents(from: UInt64(MemoryLayout<ImageHeader>.size))
        let placedRoot = contents.place(root)
        var builder = PlanBuilder(
            board: board, imageResidue: imageResidue, tenants: tenants, groups: groups, onFailure: onFailure,
            sharedMemory: sharedMemory, disks: disks, contents: contents)
        let plan = try builder.build()
        contents = builder.contents
        if let fault = plan.faults(imageSize: contents.end).first {
            throw Failure(
                "the plan contradicts itself: \(fault)",
                remedy: "report this fault of Entente together with the manifest")
        }
        let records = PlanRecords(
            plan, at: contents.end, imageResidue: imageResidue, furtherRootSlots: furtherRootSlots)
        let size = (contents.end + UInt64(records.data.count)).aligned(to: ImageHeader.alignment)
        var header = Data()
        header.append(
            record: ImageHeader(
                magic: ImageHeader.magic, version: ImageHeader.version, size: size, board: BoardRecord(board),
                root: placedRoot, plan: records.header))
        var image = contents.joined(header: header) + records.data
        image.padWithZeros(to: Int(size))
        return (plan, image, records.header.rootSlots)
    }

    /// The image's address modulo 2 MiB. A boot loader puts the kernel at a multiple of 2 MiB (Linux, arm64 boot
    /// protocol), and the image lies behind the kernel.
    private var imageResidue: UInt64 {
        UInt64(kernel.flat.count).aligned(to: ImageHeader.alignment) % (1 << 21)
    }

    /// Bytes of RAM of all machines.
    public var machineMemory: UInt64 { tenants.reduce(0) { $0 + ($1.machine?.memory.size ?? 0) } }

    /// The bytes of the image that monitors copy into machines: kernels, initial file systems, device trees. Machines
    /// may share them.
    public var machineFiles: UInt64 {
        Set(tenants.flatMap { $0.machine?.modules ?? [] }.map(\.data)).reduce(0) {
            $0 + UInt64($1.count).aligned(to: Program.pageSize)
        }
    }
}

extension BoardRecord {
    init(_ board: Board) {
        var ram = InlineArray<4, MemoryRange>(repeating: MemoryRange(base: 0, size: 0))
        for (index, range) in board.ram.enumerated() { ram[index] = range }
        self.init(
            coreCount: UInt64(board.coreAffinities.count), cores: InlineArray(words: board.coreAffinities), ram: ram,
            devices: board.devices, distributor: board.distributor, redistributors: board.redistributors,
            serial: board.serial)
    }
}
