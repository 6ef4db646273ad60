"""Counts NAS-Bench-101's modules and their identities the slow way.

Independent of the Go code: every labeled graph is hashed by graph_util.py's
definition, the first of each hash is kept; identities merge poolings of equal inner
inputs by hand and compare multigraphs by trying all orders of vertices.
Prints, for 2 to 7 vertices, the number of modules and of identities, the
SHA-256 over the sorted raw hashes, and that over the graphs in order. Takes some minutes: /usr/bin/python3 enumerate.py
"""
import hashlib
import itertools
from collections import Counter


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def module_hash(n, edges, labels):
    into = [[u for u in range(n) if (u, v) in edges] for v in range(n)]
    out = [[u for u in range(n) if (v, u) in edges] for v in range(n)]
    h = [md5(str((len(out[v]), len(into[v]), labels[v]))) for v in range(n)]
    for _ in range(n):
        h = [md5("".join(sorted(h[u] for u in into[v])) + "|" + "".join(sorted(h[u] for u in out[v])) + "|" + h[v])
             for v in range(n)]
    return md5(str(sorted(h)))


def merged(n, edges, labels):
    """The module with equal poolings merged, as {vertex: (label, Counter of sources)}, and whether any were."""
    graph = {v: (labels[v], Counter({u: 1 for u in range(n) if (u, v) in edges})) for v in range(n)}
    changed, again = False, True
    while again:
        again = False
        for a, b in itertools.combinations(sorted(graph), 2):
            if graph[a] == graph[b] and graph[a][0] == 2 and 0 not in graph[a][1]:
                del graph[b]
                for label, sources in graph.values():
                    sources[a] += sources.pop(b, 0)
                    sources += Counter()
                changed = again = True
                break
        graph = {v: (label, +sources) for v, (label, sources) in graph.items()}
    return graph, changed


def canonical(graph, n):
    inner = [v for v in graph if 0 < v < n - 1]
    best = None
    for order in itertools.permutations(inner):
        name = {0: 0, n - 1: 99, **{v: i + 1 for i, v in enumerate(order)}}
        form = sorted((name[v], label, sorted((name[u], k) for u, k in sources.items()))
                      for v, (label, sources) in graph.items())
        best = form if best is None or form < best else best
    return str(best)


first = {}
identities, plain = set(), 0
for n in range(2, 8):
    pairs = [(x, y) for y in range(n) for x in range(y)]
    for bits in range(2 ** len(pairs)):
        edges = {p for i, p in enumerate(pairs) if bits >> i & 1}
        if len(edges) > 9 or {x for x, _ in edges} != set(range(n - 1)) or {y for _, y in edges} != set(range(1, n)):
            continue
        for ops in itertools.product(range(3), repeat=n - 2):
            labels = [-1, *ops, -2]
            h = module_hash(n, edges, labels)
            if h in first:
                continue
            first[h] = "%d %d %s\n" % (n, bits, "".join(map(str, ops)))
            graph, changed = merged(n, edges, labels)
            if not changed:
                plain += 1
            elif any(k > 1 for _, sources in graph.values() for k in sources.values()):
                identities.add(canonical(graph, n))
            # Else it is another module, of fewer vertices, that is counted as such.
    digest = hashlib.sha256()
    for h in sorted(first):
        digest.update(bytes.fromhex(h))
    print(n, "vertices:", len(first), "modules,", plain + len(identities), "identities")
    print("  hashes", digest.hexdigest())
    print("  graphs", hashlib.sha256("".join(first.values()).encode()).hexdigest(), flush=True)
