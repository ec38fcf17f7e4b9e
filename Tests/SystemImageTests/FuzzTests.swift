import Foundation
import Testing

@testable import SystemImage

/// Changes valid inputs at random. Each result is accepted or refused with an error; a trap ends the test run. The seed
/// is fixed, so that a failure repeats. `ENTENTE_FUZZ_SEED` and `ENTENTE_FUZZ_ROUNDS` replace seed and number.
@Suite struct FuzzTests {
    static let rounds = number("ENTENTE_FUZZ_ROUNDS") ?? 3000
    static let seed = UInt64(number("ENTENTE_FUZZ_SEED") ?? 1)

    static func number(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }

    /// Runs `consume` on mutations of `inputs`, and expects that it accepts some of them and refuses others.
    private func fuzz(_ inputs: [Data], salt: UInt64, _ consume: (Data) throws -> Void) {
        var mutator = Mutator(seed: Self.seed ^ salt)
        var (accepted, refused) = (0, 0)
        for round in 0..<Self.rounds {
            let input = mutator.mutation(of: inputs[round % inputs.count], with: inputs)
            do {
                try consume(input)
                accepted += 1
            } catch {
                #expect(error is Failure, "round \(round): \(error)")
                refused += 1
            }
        }
        #expect(accepted > 0 && refused > 0, "\(accepted) accepted, \(refused) refused")
    }

    @Test func programs() {
        fuzz([ELFBuilder.component.build()], salt: 1) { data in
            let program = try Program(elf: data)
            _ = program.symbol(at: program.entry)
            _ = program.segments.reduce(0) { $0 + $1.imageSize }
        }
    }

    @Test func kernels() {
        let elf = ELFBuilder(segments: [.init(flags: 5, address: 0, data: arm64Image(fileSize: 256), memorySize: 512)])
        fuzz([elf.build()], salt: 2) { _ = try KernelImage(elf: $0).joined(with: Data(), alignment: 0x1_0000) }
    }

    @Test func guests() {
        let elf = ELFBuilder(
            entry: 0x4000_0000,
            segments: [
                .init(flags: 5, address: 0x4000_0000, data: Data(count: 64)),
                .init(flags: 6, address: 0x4010_0000, data: Data(count: 64), memorySize: 4096),
            ])
        let image = arm64Image(fileSize: 200)
        let inputs = [image, elf.build(), GuestImageTests.compressedEFI(image), Data([0x1F, 0x8B]) + image]
        fuzz(inputs, salt: 3) { data in
            let guest = try GuestImage(kernel: data, ramBase: 0x4000_0000, ramSize: 64 << 20) { packed in
                packed.dropFirst(2)
            }
            let layout = try GuestLayout(image: guest, initrdSize: 5000, ramBase: 0x4000_0000, ramSize: 64 << 20)
            _ = try layout.modules(initrd: Data(count: 5000), deviceTree: Data(count: 100))
        }
    }

    @Test func manifests() throws {
        let files =
            Repository.files(in: "Tests/Manifests/valid", withExtension: "yaml")
            + Repository.files(in: "examples", withExtension: "yaml")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("system.yaml")
        fuzz(try files.map { try Data(contentsOf: $0) }, salt: 4) { data in
            try data.write(to: path)
            let manifest = try Manifest.load(path: path.path)
            #expect(manifest.tenants.count == manifest.machines.count + manifest.components.count)
        }
    }
}

/// Changes bytes, numbers, lengths and order.
struct Mutator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    /// xorshift64*: fast, and the same everywhere.
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }

    private mutating func below(_ bound: Int) -> Int { bound <= 0 ? 0 : Int(next() % UInt64(bound)) }

    mutating func mutation(of input: Data, with others: [Data]) -> Data {
        var data = Data(input)
        for _ in 0...below(4) { mutate(&data, others) }
        return data
    }

    private mutating func mutate(_ data: inout Data, _ others: [Data]) {
        guard !data.isEmpty else { return }
        let place = below(data.count)
        switch below(7) {
        case 0: data[place] ^= 1 << UInt8(below(8))
        case 1: data[place] = UInt8(truncatingIfNeeded: next())
        case 2: store([0, 1, .max, .max >> 1, 1 << 63, 1 << 32, next()][below(7)], in: &data, at: place & ~7)
        case 3: data = data.prefix(place)
        case 4: data.removeSubrange(place..<min(data.count, place + 1 + below(16)))
        case 5: data.insert(contentsOf: data[place..<min(data.count, place + 1 + below(32))], at: below(data.count))
        default:
            let other = others[below(others.count)]
            let start = below(other.count)
            data.replaceSubrange(place..<min(data.count, place + 16), with: other[start..<min(other.count, start + 16)])
        }
        data = Data(data)
    }

    private mutating func store(_ value: UInt64, in data: inout Data, at place: Int) {
        guard place + 8 <= data.count else { return }
        data.set(value, at: place)
    }
}
