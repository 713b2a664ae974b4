"""LLVM's instructions on vectors of LANES float32 numbers, for loops that Numba compiles.

LLVM divides the vectors into those that the processor has. Numba's cache looks at the file of a compiled loop only:
after a change here, change it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 16

_FLOAT, INDEX, _PLACE = ir.FloatType(), ir.IntType(64), ir.IntType(32)
VECTOR = ir.VectorType(_FLOAT, LANES)
ZERO = ir.Constant(VECTOR, [0.0] * LANES)


def instructions(define: Callable[..., Any]) -> Callable[..., None]:
    """A function for compiled loops, by a function of its types that gives its signature and what writes it."""
    return cast(Callable[..., None], intrinsic(define))


class Code:
    """Instructions on arrays of float32 by the number of an element."""

    def __init__(self, context: Any, builder: Any, kinds: Sequence[Any], values: Sequence[Any]):
        self.builder = builder
        self.arguments = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(kinds, values, strict=True)
        ]

    def number(self, value: int) -> Any:
        return ir.Constant(INDEX, value)

    def times(self, a: Any, factor: int, more: int = 0) -> Any:
        return self.builder.add(self.builder.mul(a, self.number(factor)), self.number(more))

    def _at(self, array: Any, index: Any, lanes: int) -> Any:
        place = self.builder.gep(array, [self.builder.add(index, self.number(lanes))])
        return self.builder.bitcast(place, VECTOR.as_pointer())

    def load(self, array: Any, index: Any, lanes: int = 0) -> Any:
        return self.builder.load(self._at(array, index, lanes), align=4)

    def store(self, value: Any, array: Any, index: Any, lanes: int = 0) -> None:
        self.builder.store(value, self._at(array, index, lanes), align=4)

    def place(self, array: Any, index: Any) -> Any:
        return self.builder.zext(self.builder.load(self.builder.gep(array, [index])), INDEX)

    def everywhere(self, array: Any, index: Any) -> Any:
        """One number of an array in all lanes."""
        none = ir.Constant(VECTOR, ir.Undefined)
        number = self.builder.load(self.builder.gep(array, [index]))
        first = self.builder.insert_element(none, number, ir.Constant(_PLACE, 0))
        return self.builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(_PLACE, LANES), [0] * LANES))

    def add(self, total: Any, a: Any, b: Any) -> Any:
        """total + a b"""
        return self.builder.fadd(total, self.multiply(a, b), flags=["contract"])

    def subtract(self, total: Any, a: Any, b: Any) -> Any:
        """total − a b"""
        return self.builder.fsub(total, self.multiply(a, b), flags=["contract"])

    def multiply(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=["contract"])

    def loop(self, count: Any, start: Sequence[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
        """What `body(i, values)` makes of values from `start` on, for i < count, one at least."""
        builder, before = self.builder, self.builder.block
        block, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.branch(block)
        builder.position_at_end(block)
        i, values = builder.phi(INDEX), [builder.phi(each.type) for each in start]
        results = body(i, values)
        following = builder.add(i, self.number(1))
        builder.cbranch(builder.icmp_unsigned("<", following, count), block, after)
        for phi, first, result in zip([i, *values], [self.number(0), *start], [following, *results], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(result, block)
        builder.position_at_end(after)
        return list(results)
