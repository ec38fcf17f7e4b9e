// The texts of a new component's package. MODULE stands for the Swift module, NAME for the component's name.
extension ComponentTemplate {
    static let package = """
        // swift-tools-version: 6.2
        import Foundation
        import PackageDescription

        // The place of Entente's package. The tool gives it by ENTENTE_ROOT, and leaves a link beside this file for a
        // plain `swift test`.
        let entente = URL(
            fileURLWithPath: Context.environment["ENTENTE_ROOT"].map { $0 + "/Kit" } ?? Context.packageDirectory + "/.entente"
        ).resolvingSymlinksInPath().path
        guard FileManager.default.fileExists(atPath: entente + "/Package.swift") else {
            fatalError("there is no Entente at \\(entente). Remedy: run './entente test' with this folder once, or set ENTENTE_ROOT")
        }

        let package = Package(
            name: "NAME",
            products: [
                .library(name: "MODULE", targets: ["MODULE"]),
                // The program that the board runs. The tool links it.
                .library(name: "MODULEImage", type: .static, targets: ["MODULEProgram"]),
            ],
            dependencies: [.package(name: "Entente", path: entente)],
            targets: [
                // The interface and the logic, which also run in tests on the host.
                .target(name: "MODULE", dependencies: [.product(name: "Entente", package: "Entente")]),
                .target(name: "MODULEProgram", dependencies: ["MODULE", .product(name: "Entente", package: "Entente")]),
                .testTarget(
                    name: "MODULETests",
                    dependencies: [
                        "MODULE", .product(name: "Entente", package: "Entente"),
                        .product(name: "EntenteTesting", package: "Entente"),
                    ]),
            ]
        )
        """

    static let interface = """
        import Entente

        // The interface that this component offers to others. './entente generate' writes the client and the server's
        // side of it into the file beside this one, and so do 'run', 'build' and 'test'.

        /// Counts.
        public protocol MODULEInterface: Service {
            /// Adds `amount`, and returns the new sum.
            mutating func add(_ amount: UInt64) throws(MODULEError) -> UInt64
            mutating func total() -> UInt64
        }

        public enum MODULEError: UInt64, Error, Parameter {
            /// The sum would not fit. It keeps its value.
            case overflow = 1
        }
        """

    static let server = """
        import Entente

        /// The component's logic, which is the same on a board and in a test.
        public struct MODULEServer: MODULEInterface {
            private var sum: UInt64 = 0
            private let alarm = Alarm(raising: .number(1))
            private let period: Interval

            /// Makes a counter whose sum is 0.
            ///
            /// - Parameter period: the time between two lines of the log.
            public init(period: Interval = .seconds(1)) {
                self.period = period
            }

            public mutating func start() {
                log("counting")
                alarm.set(after: period)
            }

            public mutating func add(_ amount: UInt64) throws(MODULEError) -> UInt64 {
                let (next, overflow) = sum.addingReportingOverflow(amount)
                guard !overflow else { throw .overflow }
                sum = next
                return sum
            }

            public mutating func total() -> UInt64 { sum }

            public mutating func heard(_ events: Events) {
                guard events.contains(alarm.events) else { return }
                log("the total is \\(sum)")
                alarm.set(after: period)
            }
        }
        """

    static let entry = """
        import Entente
        import MODULE

        /// Runs the component on the board.
        @c(entente_main)
        public func main(_ argument: UInt64) {
            var server = MODULEServer()
            server.start()
            serve(&server)
        }
        """

    static let tests = """
        import Entente
        import EntenteTesting
        import Testing

        import MODULE

        @Suite struct MODULETests {
            @Test func clientsAdd() throws {
                let kernel = FakeKernel()
                let server = kernel.component("NAME", serving: MODULEServer())
                let client = kernel.component("client", uses: ["NAME": server])
                try client.run {
                    let portal = MODULEClient(named: "NAME")
                    let sum = try portal.add(2)
                    #expect(sum == 2)
                    #expect(try portal.add(3) == 5)
                    #expect(try portal.total() == 5)
                    #expect(throws: CallError<MODULEError>.failed(.overflow)) { try portal.add(.max) }
                }
            }

            @Test func saysEachSecondWhatItHasCounted() {
                let kernel = FakeKernel()
                let server = kernel.component("NAME", serving: MODULEServer())
                server.run { server.service.start() }
                kernel.advance(by: .seconds(2))
                #expect(server.lines == ["counting", "the total is 0", "the total is 0"])
            }
        }
        """

    static let system = """
        # The system that './entente run' boots: a board with this component.
        system: NAME
        components:
          NAME: {package: .}
        """

    static let readme = """
        # NAME

        A component for Entente, made by `./entente new component NAME`.

        - `Sources/MODULE`: the interface and the logic
        - `Sources/MODULEProgram`: where it starts on the board
        - `Tests/MODULETests`: tests that run on the host, with a fake kernel
        - `system.yaml`: a system that runs it

        `./entente run FOLDER` builds and boots it, `./entente test FOLDER` tests it; after the first of these a plain `swift test`
        works as well.
        """
}
