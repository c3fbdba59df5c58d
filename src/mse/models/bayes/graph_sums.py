"""Sums over graphs and over numbers of hidden persons, in compiled code.

The evidence of a graph is a sum of rows of one table, shape (n_rows, n_nodes), plus what all graphs share, (n_nodes,).
"""

import numba
import numpy as np

__all__ = ["graphs_at", "shape_of_each", "sum_over_graphs", "weights_and_medians"]

UNSEEN = 30.0  # units of log evidence below which a part is not seen in a sum


@numba.njit(cache=True)
def _curve(table, shared, rows, curve):  # type: ignore[no-untyped-def]
    """Fill `curve` with the log evidence of one graph: table (n_rows, n_nodes), shared (n_nodes,), rows (n_lists,)."""
    for node in range(len(curve)):
        curve[node] = shared[node]
    for row in rows:
        factor = table[row]
        for node in range(len(curve)):
            curve[node] += factor[node]


@numba.njit(cache=True)
def sum_over_graphs(table, shared, factors):  # type: ignore[no-untyped-def]
    """Log of the sum over graphs of the evidence, shape (n_nodes,)."""
    n_nodes = len(shared)
    curve = np.empty(n_nodes)
    tops = np.full(n_nodes, -np.inf)
    for g in range(len(factors)):
        _curve(table, shared, factors[g], curve)
        for node in range(n_nodes):
            tops[node] = max(tops[node], curve[node])
    totals = np.zeros(n_nodes)
    for g in range(len(factors)):
        _curve(table, shared, factors[g], curve)
        for node in range(n_nodes):
            if curve[node] > tops[node] - UNSEEN:
                totals[node] += np.exp(curve[node] - tops[node])
    for node in range(n_nodes):
        if tops[node] > -np.inf:
            tops[node] += np.log(totals[node])
    return tops


@numba.njit(cache=True)
def shape_of_each(table, shared, log_hidden, factors):  # type: ignore[no-untyped-def]
    """Peak of each graph's evidence per unit of log hidden persons, its value at the last node, its last slope.

    A peak between two nodes is taken from the parabola through the three highest neighbours.
    """
    n_graphs, last = len(factors), len(shared) - 1
    peaks, ends, slopes = np.empty(n_graphs), np.empty(n_graphs), np.empty(n_graphs)
    curve = np.empty(len(shared))
    for g in range(n_graphs):
        _curve(table, shared, factors[g], curve)
        ends[g] = curve[last]
        slopes[g] = -np.inf
        if curve[last] > -np.inf:
            slopes[g] = (curve[last] - curve[last - 1]) / (log_hidden[last] - log_hidden[last - 1])
        for node in range(len(curve)):
            curve[node] += log_hidden[node]
        at = np.argmax(curve)
        peaks[g] = curve[at]
        if 0 < at < last and np.isfinite(curve[at - 1]) and np.isfinite(curve[at + 1]):
            left = (curve[at] - curve[at - 1]) / (log_hidden[at] - log_hidden[at - 1])
            right = (curve[at + 1] - curve[at]) / (log_hidden[at + 1] - log_hidden[at])
            bend = 2 * (right - left) / (log_hidden[at + 1] - log_hidden[at - 1])
            middle = (left + right) / 2
            if bend < 0:
                peaks[g] += middle * middle / (-2 * bend)
    return peaks, ends, slopes


@numba.njit(cache=True)
def weights_and_medians(table, shared, hidden, factors):  # type: ignore[no-untyped-def]
    """Log of the summed evidence of each graph, and the first node at or above half of it."""
    n_graphs = len(factors)
    log_weights, medians = np.empty(n_graphs), np.empty(n_graphs)
    curve = np.empty(len(shared))
    for g in range(n_graphs):
        _curve(table, shared, factors[g], curve)
        top = -np.inf
        for node in range(len(curve)):
            top = max(top, curve[node])
        total = 0.0
        for node in range(len(curve)):
            curve[node] = np.exp(curve[node] - top) if curve[node] > top - UNSEEN else 0.0
            total += curve[node]
        log_weights[g] = top + np.log(total)
        below = 0.0
        for node in range(len(curve)):
            below += curve[node]
            if below >= total / 2:
                medians[g] = hidden[node]
                break
    return log_weights, medians


@numba.njit(cache=True)
def graphs_at(table, shared, factors, totals, places, levels):  # type: ignore[no-untyped-def]
    """For each draw the graph at a level of the distribution of graphs that node `places` has, shape (n_draws,).

    Draws come sorted by place, then by level; `totals` (n_nodes,) are what `sum_over_graphs` gives.
    """
    n_nodes, n_draws = len(shared), len(places)
    drawn = np.empty(n_draws, np.int64)
    curve, passed = np.empty(n_nodes), np.zeros(n_nodes)
    waiting, last = np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64)
    ends = np.zeros(n_nodes, np.int64)
    for i in range(n_draws):
        ends[places[i]] = i + 1
    for node in range(n_nodes):
        waiting[node] = ends[node - 1] if node else 0
    for g in range(len(factors)):
        _curve(table, shared, factors[g], curve)
        for node in range(n_nodes):
            if waiting[node] < ends[node] and curve[node] > totals[node] - UNSEEN:
                passed[node] += np.exp(curve[node] - totals[node])
                last[node] = g
                while waiting[node] < ends[node] and levels[waiting[node]] < passed[node]:
                    drawn[waiting[node]] = g
                    waiting[node] += 1
    for node in range(n_nodes):  # rounding may leave the highest levels without a graph
        drawn[waiting[node] : ends[node]] = last[node]
    return drawn
