import ABI
import Yams

extension ComponentParser {
    /// Returns the connections of `uses: {NAME: COMPONENT}`. A later check finds names of components that do not
    /// exist.
    func connections() -> [ConnectionDescription] {
        guard let node = section.node("uses"), !node.isEmpty else { return [] }
        guard let mapping = node.mapping else {
            section.source.report(
                at: node,
                "'uses' of \(section.title) is \(node.kindDescription), but a mapping from names to components is expected",
                remedy: "write 'uses: {NAME: COMPONENT}', where NAME is the program's name for it")
            return []
        }
        var connections: [ConnectionDescription] = []
        for (key, value) in mapping {
            guard let name = key.text, let server = value.text else {
                let wrong = key.text == nil ? key : value
                section.source.report(
                    at: wrong, "'uses' of \(section.title) holds \(wrong.kindDescription), but a name is expected",
                    remedy: "write 'uses: {NAME: COMPONENT}'")
                continue
            }
            connections.append(ConnectionDescription(name: name, server: server))
        }
        guard connections.count <= ComponentDescription.maximumConnections else {
            section.report(
                at: "uses",
                "\(section.title) uses \(connections.count) components, but at most \(ComponentDescription.maximumConnections) are possible",
                remedy: "remove \(connections.count - ComponentDescription.maximumConnections) of them")
            return []
        }
        return connections
    }
}

extension ManifestParser {
    /// Reports the servers that a component cannot use. A component can only call components of its own core, because
    /// the caller's time, on which the server runs, does not leave its core.
    func checkConnections() {
        let components = declarations.compactMap(\.tenant.component)
        for declaration in declarations {
            guard case .component(let client) = declaration.tenant else { continue }
            for connection in client.uses {
                check(connection, of: client, declaration, components)
            }
        }
    }

    private func check(
        _ connection: ConnectionDescription, of client: ComponentDescription, _ declaration: TenantDeclaration,
        _ components: [ComponentDescription]
    ) {
        let mark = declaration.usesMarks[connection.name] ?? declaration.mark
        checkName(connection.name, of: "connection", at: mark)
        let others = components.map(\.name).filter { $0 != client.name }
        if connection.server == client.name {
            source.report(
                at: mark, "\(declaration.title) uses itself as '\(connection.name)'",
                remedy: "a call to itself would wait for ever: call the function directly")
        } else if let server = components.first(where: { $0.name == connection.server }) {
            guard server.core != client.core else { return }
            source.report(
                at: mark,
                "\(declaration.title) on core \(client.core) uses '\(server.name)' on core \(server.core), "
                    + "but calls stay on their core",
                remedy: "give both the same 'core'")
        } else {
            let isMachine = declarations.contains { $0.name == connection.server && $0.isMachine }
            let possible =
                others.isEmpty ? "remove it: there is no other component" : "choose from \(enumerated(others))"
            source.report(
                at: mark,
                "\(declaration.title) uses '\(connection.server.shortened)', and "
                    + (isMachine ? "that is a machine, which serves no calls" : "no component has that name"),
                remedy: connection.server.nearest(in: others).map { "did you mean '\($0)'?" } ?? possible)
        }
    }
}
