import Foundation
import Testing

@testable import SystemImage

@Suite struct GuestImageTests {
    private let base: UInt64 = 0x4000_0000

    private func image(
        _ data: Data, format: GuestFormat = .auto, ram: UInt64 = 64 << 20
    ) throws -> GuestImage {
        try GuestImage(kernel: data, format: format, ramBase: base, ramSize: ram) {
            try run("gzip", ["-dc"], input: $0)
        }
    }

    private func problem(_ data: Data, format: GuestFormat = .auto, ram: UInt64 = 64 << 20) -> String {
        #expect(throws: Failure.self) { try image(data, format: format, ram: ram) }?.problem ?? ""
    }

    @Test func arm64ImageLiesAtItsTextOffset() throws {
        let data = arm64Image(textOffset: 0x8_0000, imageSize: 0x30_0000)
        let image = try image(data)
        #expect(image.modules.map(\.address) == [base + 0x8_0000])
        #expect(image.modules[0].data == data)
        #expect(image.entry == base + 0x8_0000)
        #expect(image.end == base + 0x38_0000, "its memory is larger than its file")
    }

    @Test func oldImageHasAFixedTextOffset() throws {
        let image = try image(arm64Image(textOffset: 0x1234, imageSize: 0))
        #expect(image.entry == base + 0x8_0000)
    }

    @Test func imageWithAnEFIStubIsAnImage() throws {
        var data = arm64Image()
        data.replaceSubrange(0..<2, with: Data("MZ".utf8))
        #expect(try image(data).entry == base)
    }

    @Test func compressedImageIsDecompressed() throws {
        let data = arm64Image(fileSize: 10_000)
        let packed = try run("gzip", ["-c"], input: data)
        #expect(try image(packed).modules[0].data == data)
    }

    @Test func compressedEFIImageIsDecompressed() throws {
        let data = arm64Image(fileSize: 10_000)
        #expect(try image(Self.compressedEFI(try run("gzip", ["-c"], input: data))).modules[0].data == data)
    }

    static func compressedEFI(_ payload: Data, compression: String = "gzip") -> Data {
        var stub = Bytes(data: Data("MZ\0\0zimg".utf8))
        stub.put(UInt32(64), UInt32(payload.count), 0, 0)
        stub.data += Data(compression.utf8)
        stub.data.padWithZeros(to: 64)
        return stub.data + payload
    }

    @Test func refusesWhatIsBelowTheCompression() throws {
        let text = try run("gzip", ["-c"], input: Data("text".utf8))
        #expect(problem(text).contains("text file"))
        #expect(
            problem(try run("gzip", ["-c"], input: try run("gzip", ["-c"], input: arm64Image()))).contains(
                "more than once"))
        #expect(problem(Data([0x1F, 0x8B, 8, 0, 1, 2, 3])).contains("cannot be decompressed"))
        #expect(problem(Self.compressedEFI(Data(), compression: "zstd")).contains("'zstd'"))
    }

    @Test func elfLiesAtItsPhysicalAddresses() throws {
        let builder = ELFBuilder(
            entry: 0xFFFF_0000_0000_0040,
            segments: [
                .init(
                    flags: 6, address: 0xFFFF_0000_0010_0004, physical: base + 0x10_0004, data: Data([1, 2]),
                    memorySize: 0x1000),
                .init(
                    flags: 5, address: 0xFFFF_0000_0000_0000, physical: base + 0x1000,
                    data: Data(repeating: 7, count: 128)),
            ])
        let image = try image(builder.build())
        #expect(image.modules.map(\.address) == [base + 0x1000, base + 0x10_0000], "aligned to 8 bytes")
        #expect(image.modules[1].data == Data([0, 0, 0, 0, 1, 2]))
        #expect(image.entry == base + 0x1040, "the physical address of the entry")
        #expect(image.end == base + 0x10_1004)
    }

    /// Segments begin and end anywhere, one of them directly behind another. Each byte of RAM equals that of the file,
    /// and is zero elsewhere, also if a monitor copies whole blocks.
    @Test(arguments: [1, 2, 4, 8, 16, 63, 64, 65, 4096] as [UInt64], [1, 7, 61, 64, 130])
    func elfSegmentsBeginAtAnyMultiple(of alignment: UInt64, length: Int) throws {
        let start = base + 0x8_0000
        for gap in 0..<3 as Range<UInt64> {
            var expected: [UInt8] = []
            var segments: [ELFBuilder.Segment] = []
            for number in 0..<5 as Range<UInt8> {
                let next = (UInt64(expected.count) + alignment - 1) / alignment
                let begin = (next + gap * UInt64(number % 2)) * alignment
                let data = Data(repeating: number + 1, count: length + 3 * Int(number))
                expected += [UInt8](repeating: 0, count: Int(begin) - expected.count) + data
                segments.append(
                    .init(flags: 6, address: 0xFFFF_0000_0000_0000 + begin, physical: start + begin, data: data))
            }
            // This one has no bytes in the file, and lies behind the last byte of the others.
            let end = UInt64(expected.count)
            segments.append(.init(flags: 6, address: 0x1000, physical: start + end, data: Data(), memorySize: 3))
            let loaded = try image(ELFBuilder(entry: start, segments: segments.reversed()).build())
            let memory = Self.loaded(loaded.modules, from: start, count: expected.count + 64)
            #expect(memory == expected + [UInt8](repeating: 0, count: 64))
            #expect(loaded.end == start + end + 3)
        }
    }

    /// Returns the RAM that a monitor fills after clearing it, in blocks of 64 bytes and the order of the modules.
    private static func loaded(_ modules: [GuestImage.Module], from start: UInt64, count: Int) -> [UInt8] {
        var memory = [UInt8](repeating: 0, count: count + 4096)
        for module in modules {
            #expect(module.address % 8 == 0)
            let blocks = module.data + Data(count: (64 - module.data.count % 64) % 64)
            let place = Int(module.address - start)
            memory.replaceSubrange(place..<place + blocks.count, with: blocks)
        }
        return Array(memory[..<count])
    }

    @Test func refusesAnELFOutsideRAM() {
        func elf(_ physical: UInt64, count: Int = 1) -> Data {
            ELFBuilder(
                segments: (0..<count).map {
                    .init(flags: 5, address: 0, physical: physical + UInt64($0) * 4096, data: Data(count: 8))
                }
            ).build()
        }
        #expect(problem(elf(0)).contains("RAM begins"))
        #expect(problem(elf(base + 64 << 20)).contains("RAM"))
        #expect(problem(elf(base, count: 7)).contains("7 segments"))
        let overlapping = ELFBuilder(segments: [
            .init(flags: 5, address: 0, physical: base, data: Data(count: 64)),
            .init(flags: 5, address: 0, physical: base + 32, data: Data(count: 64)),
        ])
        #expect(problem(overlapping.build()).contains("part before it ends"))
    }

    @Test func flatBinaryRunsFromItsFirstByte() throws {
        let image = try image(Data([1, 2, 3]), format: .flat)
        #expect(image.entry == base + 0x8_0000 && image.modules[0].address == image.entry)
        #expect(problem(Data(), format: .flat).contains("empty"))
    }

    @Test func refusesWhatIsNoKernel() {
        var x86 = Data(count: 1024)
        x86.replaceSubrange(0x202..<0x206, with: Data("HdrS".utf8))
        #expect(problem(x86).contains("x86"))
        #expect(problem(arm64Image(fileSize: 63)).contains("cut off"))
        #expect(problem(arm64Image(flags: 0xB)).contains("big-endian"))
        #expect(problem(arm64Image(textOffset: 3)).contains("not aligned"))
        #expect(problem(arm64Image(textOffset: .max & ~7)).contains("wraps around"))
        #expect(problem(arm64Image(imageSize: .max)).contains("wraps around"))
        #expect(problem(Data(repeating: 0xEE, count: 4096)).contains("not at byte 56"))
    }

    @Test func refusesAKernelThatIsLargerThanRAM() {
        let error = #expect(throws: Failure.self) { try image(arm64Image(imageSize: 5 << 20), ram: 4 << 20) }
        #expect(error?.remedy?.contains("6MiB") == true)
    }
}

@Suite struct GuestLayoutTests {
    private let base: UInt64 = 0x4000_0000

    private func layout(imageSize: UInt64, initrd: Int?, ram: UInt64) throws -> GuestLayout {
        let image = try GuestImage(kernel: arm64Image(imageSize: imageSize), ramBase: base, ramSize: ram) { $0 }
        return try GuestLayout(image: image, initrdSize: initrd, ramBase: base, ramSize: ram)
    }

    @Test func initrdThenDeviceTreeAboveTheKernel() throws {
        let layout = try layout(imageSize: 3 << 20, initrd: 5 << 20, ram: 64 << 20)
        #expect(layout.initrdAddress == base + 3 << 20)
        #expect(layout.deviceTreeAddress == base + 8 << 20)
        #expect(layout.deviceTreeCapacity == 2 << 20)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 7, 8], [0, 1, 4096, 1 << 20, 3 << 20])
    func nothingOverlapsAndAllIsInsideRAM(blocks: UInt64, initrd: Int) throws {
        let (ram, imageSize) = (blocks << 21, UInt64(0x12_3456))
        guard let layout = try? layout(imageSize: imageSize, initrd: initrd, ram: ram) else {
            #expect(base + imageSize + UInt64(initrd) + 0x3_0000 > base + ram, "there would have been room")
            return
        }
        let start = try #require(layout.initrdAddress)
        let (tree, capacity) = (layout.deviceTreeAddress, layout.deviceTreeCapacity)
        #expect(start >= layout.image.end && start + UInt64(initrd) <= tree)
        #expect(tree + capacity <= base + ram && capacity >= 64 << 10)
        #expect(tree >> 21 == (tree + capacity - 1) >> 21, "a device tree does not cross a multiple of 2 MiB")
    }

    @Test func refusesWhatDoesNotFit() {
        #expect(throws: Failure.self) { try layout(imageSize: 2 << 20, initrd: 4 << 20, ram: 4 << 20) }
        #expect(throws: Failure.self) { try layout(imageSize: 1 << 20, initrd: .max, ram: 4 << 20) }
        #expect(throws: Failure.self) { try layout(imageSize: 4 << 20, initrd: nil, ram: 4 << 20) }
    }

    @Test func modulesHaveToHaveTheirSizes() throws {
        let layout = try layout(imageSize: 1 << 20, initrd: 100, ram: 16 << 20)
        let modules = try layout.modules(initrd: Data(count: 100), deviceTree: Data(count: 200))
        #expect(modules.map(\.data.count) == [4096, 100, 200])
        #expect(throws: Failure.self) { try layout.modules(initrd: Data(count: 99), deviceTree: Data()) }
        #expect(throws: Failure.self) { try layout.modules(initrd: nil, deviceTree: Data()) }
        #expect(throws: Failure.self) {
            try layout.modules(initrd: Data(count: 100), deviceTree: Data(count: 3 << 20))
        }
    }
}
