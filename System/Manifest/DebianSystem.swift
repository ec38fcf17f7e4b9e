/// Debian's kernels for arm64.
public enum DebianFlavour: String, Sendable, CaseIterable {
    /// `linux-image-cloud-arm64`: the drivers that virtual machines need.
    case cloud
    /// `linux-image-arm64`: all drivers.
    case generic
}

/// A Debian that starts from a disk, as its manifest describes it: the kernel, and the packages beside the base system.
public struct DebianSystem: Sendable, Hashable {
    public var flavour: DebianFlavour
    /// The names of the packages, sorted, each once.
    public let packages: [String]

    public init(flavour: DebianFlavour = .cloud, packages: [String] = []) {
        self.flavour = flavour
        self.packages = Set(packages).sorted()
    }

    /// The number of the recipe by which the tool makes the root file system. A change of the recipe raises it, so that
    /// an older file system is not taken for a new one.
    public static let recipe = 2

    /// The name of its root file system among the templates of a pool and in the tool's own folder. Systems with equal
    /// packages share it. It names an FNV-1a hash of everything that decides the contents.
    public var templateName: String {
        let text = (["\(Self.recipe)", flavour.rawValue] + packages).joined(separator: "\n")
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return "debian-" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The name of the machine's disk that holds it.
    public static let diskName = "root"
    /// The size of the root disk if the manifest has none, in bytes.
    public static let standardDiskSize: UInt64 = 2 << 30
    /// The least size of a root file system. One with many packages is larger.
    public static let leastDiskSize: UInt64 = 1 << 30
    /// The most packages that a manifest can name.
    static let maximumPackages = 200

    /// Returns true if `name` can be the name of a package (Debian Policy Manual 5.6.1).
    static func isPackageName(_ name: String) -> Bool {
        guard name.count >= 2, let first = name.utf8.first, isLowercase(first) || isDigit(first) else { return false }
        return name.utf8.allSatisfy { isLowercase($0) || isDigit($0) || "+-.".utf8.contains($0) }
    }

    private static func isLowercase(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
