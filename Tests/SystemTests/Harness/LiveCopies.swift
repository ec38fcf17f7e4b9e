import DiskOrders
import DiskPool
import Foundation

@testable import Tool

/// The snapshots and clones of a disk that a test makes and deletes while a machine works on the disk, and the state in
/// which a power cut must leave them.
///
/// The orders go to the disk control of the running system, as those of `./entente disk` do. One order is under way at
/// a time. An order that was answered has happened after the cut. One without an answer has happened or not, but
/// not in part.
struct LiveCopies {
    /// The contents that a copy must have at least.
    struct Contents {
        var records: Int
        var rows: Int
    }

    private struct Copy {
        var least: Contents
        /// The check sum of the whole copy, once it has been verified. It never changes.
        var digest: String?
    }

    private struct Order {
        var token: UInt64
        var name: String
        /// The copy that the order makes, or nil if it deletes the one of that name.
        var makes: Copy?
    }

    private let disk: String
    private var copies: [String: Copy] = [:]
    private var pending: Order?
    private var lastToken: UInt64 = 0
    private var number = 0
    /// The orders that were answered, by kind.
    private(set) var (snapshots, clones, deletions) = (0, 0, 0)
    /// The cuts during an order, and those after which it turned out to have happened.
    private(set) var (interrupted, happened) = (0, 0)
    private static let most = 5

    init(of disk: String) { self.disk = disk }

    var isIdle: Bool { pending == nil }

    /// Begins the next order. Returns the line to type.
    mutating func order(_ contents: Contents, _ random: inout SeededRandom) throws -> String {
        let victim = copies.keys.sorted().randomElement(using: &random)
        if let victim, copies.count >= Self.most || Int.random(in: 0..<4, using: &random) == 0 {
            return try begin(.delete(try PoolName(victim.utf8).orFail()), Order(token: 0, name: victim))
        }
        number += 1
        let makes = Copy(least: contents)
        if Bool.random(using: &random) {
            let name = "\(disk)@\(number)"
            return try begin(
                .snapshot(try PoolName(name.utf8).orFail(), of: try PoolName(disk.utf8).orFail()),
                Order(token: 0, name: name, makes: makes))
        }
        let origin = Bool.random(using: &random) ? victim ?? disk : disk
        return try begin(
            .clone(try PoolName("clone\(number)".utf8).orFail(), of: try PoolName(origin.utf8).orFail()),
            Order(token: 0, name: "clone\(number)", makes: copies[origin] ?? makes))
    }

    private mutating func begin(_ verb: DiskOrder.Verb, _ order: Order) throws -> String {
        lastToken += 1
        pending = order
        pending?.token = lastToken
        return String(decoding: DiskOrder(token: lastToken, verb).line, as: UTF8.self) + "\n"
    }

    /// Takes the answer to the order under way from everything that the disk control has said in this life.
    mutating func hear(_ text: String) throws {
        guard let order = pending else { return }
        for line in text.suffix(2000).split(separator: "\n") {
            guard let reply = DiskReply(line: Array(line.utf8)), reply.token == order.token else { continue }
            switch reply.content {
            case .done:
                if order.makes == nil {
                    deletions += 1
                } else if order.name.hasPrefix(disk) {
                    snapshots += 1
                } else {
                    clones += 1
                }
                copies[order.name] = order.makes
                pending = nil
            // A snapshot stays as long as it has a clone.
            case .refused(.busy), .refused(.pool(.neededByClone)): pending = nil
            case .refused(let refusal): throw SystemFailure(description: "'\(order.name)' was refused: \(refusal)")
            case .running, .pool, .disk: continue
            }
        }
    }

    /// Compares the copies with those of the pool after a power cut.
    mutating func reconcile(with present: [DiskDescription]) throws {
        let names = Set(present.filter { !$0.isHidden && !$0.isDeleting }.map(\.name.text)).subtracting([disk])
        if let order = pending {
            interrupted += 1
            if names.contains(order.name) == (order.makes != nil) {
                happened += 1
                copies[order.name] = order.makes
            }
            pending = nil
        }
        guard names == Set(copies.keys) else {
            throw SystemFailure(description: "the pool has the copies \(names) instead of \(copies.keys)")
        }
    }

    /// Verifies a random copy.
    ///
    /// - Parameters:
    ///   - export: makes a file of a disk of the pool.
    ///   - verify: verifies the file system in such a file, which it may change.
    mutating func verifyOne(
        _ random: inout SeededRandom, export: (String) throws -> URL, verify: (URL, Contents) throws -> Void
    ) throws {
        guard let name = copies.keys.sorted().randomElement(using: &random), let copy = copies[name] else { return }
        let file = try export(name)
        let digest = String(try Subprocess("sha256sum", [file.path]).text().prefix(64))
        if let expected = copy.digest {
            guard digest == expected else { throw SystemFailure(description: "the copy '\(name)' has changed") }
        } else {
            do {
                try verify(file, copy.least)
            } catch {
                throw SystemFailure(description: "the copy '\(name)': \(error)")
            }
            copies[name]?.digest = digest
        }
    }
}

extension Optional {
    fileprivate func orFail() throws -> Wrapped {
        guard let self else { throw SystemFailure(description: "a name is too long for a disk") }
        return self
    }
}
