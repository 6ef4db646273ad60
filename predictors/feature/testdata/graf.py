# Writes graf.json: graph features and paths of invented cells, by listing every
# path of each. Nothing but Python is needed: python3 graf.py
import json
import math
import random

IN, OUT, NONE, SKIP, CONV, POOL = range(6)
OPS = [SKIP, CONV, POOL]  # bit 0, 1, 2 of a subset
random.seed(11)


def walks(nodes, edges, dead=()):
    """All paths from an input to the output as lists of nodes."""
    out = []

    def go(path):
        if nodes[path[-1]] == OUT:
            out.append(path)
        for a, b in edges:
            if a == path[-1] and nodes[b] not in dead:
                go(path + [b])

    for i, op in enumerate(nodes):
        if op == IN:
            go([i])
    return out


def features(nodes, edges, inputs):
    paths = walks(nodes, edges, (NONE,))
    alive = {i for p in paths for i in p}
    edges = [(a, b) for a, b in edges if a in alive and b in alive]
    bit = {op: 1 << k for k, op in enumerate(OPS)}
    ops = [bit.get(op, 0) if i in alive else 0 for i, op in enumerate(nodes)]
    sources = [list(range(inputs))] + ([[i] for i in range(inputs)] if inputs > 1 else [])

    counts = [sum(o == 1 << k for o in ops) for k in range(3)]
    stats, degrees = [], []
    for number, source in enumerate(sources):
        for s in range(8):
            if number > 0 and bin(s).count("1") == 2:
                continue
            mine = [p for p in paths if p[0] in source]
            through = [p for p in mine if all(ops[i] & s for i in p[1:-1])]
            hits = [sum(1 for i in p if ops[i] & s) for p in mine]
            edges_of = [len(p) - 1 for p in through]
            stats += [1 / min(edges_of) if through else 0, max(edges_of, default=0), math.log1p(len(through)),
                      max(hits, default=0), min(hits, default=0)]
            if s == 0:
                continue
            degrees.append(sum(1 for a, b in edges if a in source and ops[b] & s))
            if number == 0:
                degrees.append(sum(1 for a, b in edges if nodes[b] == OUT and ops[a] & s))
                if bin(s).count("1") == 1:
                    inner = [(a, b) for a, b in edges if nodes[a] != IN and nodes[b] != OUT]
                    degrees.append(sum(1 for a, b in inner if ops[a] & s))
                    degrees.append(sum(1 for a, b in inner if ops[b] & s))
    words = sorted({(p[0],) + tuple(nodes[i] for i in p[1:-1]) for p in paths}, key=lambda w: (len(w), w))
    return {"nodes": nodes, "edges": edges_in, "features": counts + stats + degrees, "paths": words}


cases = {}
for inputs in (1, 2):
    cells = []
    for _ in range(40):
        inner = random.randrange(0, 7)
        nodes = [IN] * inputs + [random.choice([NONE, SKIP, CONV, CONV, POOL]) for _ in range(inner)] + [OUT]
        edges_in = [(a, b) for b in range(inputs, len(nodes)) for a in range(b) if random.random() < .45]
        cells.append(features(nodes, edges_in, inputs))
    cases[inputs] = cells
with open("graf.json", "w") as f:
    json.dump(cases, f, separators=(",", ":"))
    f.write("\n")
