import Foundation
import SystemImage
import Testing

@testable import Tool

@Suite struct DebianDiskTests {
    @Test func theResolverIsThatOfApt() throws {
        let text = """
            Reading package lists...
            Inst gcc-12-base (12.2.0-14+deb12u1 Debian:12.11/stable [arm64])
            Inst libc6 (2.36-9+deb12u14 Debian:12.11/stable, Debian-Security:12/stable-security [arm64]) []
            Inst login (1:4.13+dfsg1-1+deb12u2 Debian:12.11/stable [arm64])
            Inst netbase (6.4 Debian:12.11/stable [all])
            Conf gcc-12-base (12.2.0-14+deb12u1 Debian:12.11/stable [arm64])
            """
        let packages = try PrivateApt.installed(inSimulation: text)
        #expect(packages.map(\.name) == ["gcc-12-base", "libc6", "login", "netbase"])
        #expect(
            packages.map(\.fileName).suffix(2) == ["login_1%3a4.13+dfsg1-1+deb12u2_arm64.deb", "netbase_6.4_all.deb"])
        #expect(throws: Failure.self) { try PrivateApt.installed(inSimulation: "Inst what is this") }
    }

    @Test func theDatabaseNamesUnpackedPackages() {
        let shared = DebianDatabase.Entry(
            package: DebianPackage(name: "libx1", version: "1", architecture: "arm64"),
            control: "Package: libx1\nVersion: 1\nMulti-Arch: same\nDescription: x\n more\n",
            triggers: "# none\nactivate-noawait ldconfig\n")
        let waiting = DebianDatabase.Entry(
            package: DebianPackage(name: "x", version: "2", architecture: "all"),
            control: "Package: x\nVersion: 2\n",
            triggers: "interest-noawait /usr/share/x\ninterest x-changed\n",
            configuration: [("/etc/x", "00112233445566778899aabbccddeeff")])
        let database = DebianDatabase(entries: [shared, waiting])
        #expect(shared.baseName == "libx1:arm64")
        #expect(waiting.baseName == "x")
        #expect(
            database.status == """
                Package: libx1
                Status: install ok unpacked
                Version: 1
                Multi-Arch: same
                Description: x
                 more

                Package: x
                Status: install ok unpacked
                Version: 2
                Conffiles:
                 /etc/x 00112233445566778899aabbccddeeff

                """)
        #expect(database.triggers == ["File": "/usr/share/x x/noawait\n", "x-changed": "x\n"])
        #expect(DebianDatabase.configurationPaths(in: "/etc/a\nremove-on-upgrade /etc/b\n") == ["/etc/a"])
    }

    @Test func listsOfPackagesDecideTheCache() {
        let system = DebianSystem(packages: ["b", "a", "b"])
        #expect(system == DebianSystem(packages: ["a", "b"]))
        let names = [
            system, DebianSystem(packages: ["a"]), DebianSystem(), DebianSystem(flavour: .generic, packages: ["a"]),
            DebianSystem(packages: ["ab"]),
        ].map(\.templateName)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.utf8.count == 23 })
    }
}
