import ABI
import Foundation
import SystemImage
import Tool

/// A part of a system whose instructions the plugin in `Benchmarks/Requests` tells from those of others. Programs run
/// in place in the image, so the place of an instruction in RAM names its part.
struct BoardPart {
    /// The name of the program, such as Kernel or Storage.
    var name: String
    /// The part's code, in bytes from the start of the board's RAM.
    var range: Range<UInt64>
    /// The address at link time of the first byte of `range`.
    var address: UInt64
    var symbols: SymbolTable

    /// The offset in RAM at which QEMU loads the kernel, with the image behind it.
    private static let imageOffset: UInt64 = 2 << 20

    /// Returns where the kernel and all programs of a system lie, in bytes from the start of RAM.
    static func image(of boot: PreparedBoot) throws -> Range<UInt64> {
        guard let size = try boot.files.image.resourceValues(forKeys: [.fileSizeKey]).fileSize, size > 0 else {
            throw Failure("the image \(boot.files.image.path) is empty")
        }
        return imageOffset..<imageOffset + UInt64(size)
    }

    /// Finds the kernel and the programs of a system in its image.
    static func all(in boot: PreparedBoot) throws -> [BoardPart] {
        let image = try Data(contentsOf: boot.files.image)
        var parts: [BoardPart] = []
        for case (let kind, let file?) in boot.channels.map({ ($0.kind, $0.program) }) {
            let name = file.deletingPathExtension().lastPathComponent
            guard !parts.contains(where: { $0.name == name }) else { continue }
            let elf = try Data(contentsOf: file)
            parts.append(
                kind == .kernel ? try kernel(named: name, elf) : try program(named: name, elf, in: image))
        }
        return parts
    }

    private static func kernel(named name: String, _ elf: Data) throws -> BoardPart {
        let kernel = try KernelImage(elf: elf)
        return BoardPart(
            name: name, range: imageOffset..<imageOffset + UInt64(kernel.flat.count), address: 0,
            symbols: kernel.symbols)
    }

    private static func program(named name: String, _ elf: Data, in image: Data) throws -> BoardPart {
        let program = try Program(elf: elf)
        guard let code = program.segments.first(where: { $0.rights & Rights.execute.rawValue != 0 }),
            let place = image.range(of: code.data)
        else { throw Failure("the image does not hold the code of \(name)") }
        let start = imageOffset + UInt64(place.lowerBound)
        return BoardPart(
            name: name, range: start..<start + UInt64(code.data.count), address: code.address,
            symbols: program.symbols)
    }

    /// Returns the function at an offset in RAM.
    func function(at offset: UInt64) -> String? {
        symbols.symbol(at: offset - range.lowerBound + address)?.components(separatedBy: " + ").first
    }
}
