"""scripts/schema_ts.py: structs become interfaces and tuples, with their words and their docstrings."""

import textwrap

import pytest

from scripts import schema_ts


def typescript(source: str) -> str:
    return "\n" + "\n".join(schema_ts.declarations(textwrap.dedent(source)))


def test_a_struct_becomes_an_interface_with_its_docstrings() -> None:
    written = typescript('''
        class Run(Noun):
            """A row."""

            id: str
            step: int | None
            """The last one."""
            tags: list[str | None]
            config: dict[str, float]
    ''')
    assert written == textwrap.dedent("""
        /** A row. */
        export interface Run {
          id: string;
          /** The last one. */
          step: number | null;
          tags: (string | null)[];
          config: Record<string, number>;
        }
    """)


def test_a_struct_sent_as_an_array_becomes_a_tuple() -> None:
    assert "export type Line = [time: number, text: string];" in typescript('''
        class Line(Noun, array_like=True):
            """A line."""

            time: float
            text: str
    ''')


def test_only_a_request_may_omit_fields_with_a_default() -> None:
    written = typescript('''
        class EditRequest(Noun):
            """Asked."""

            n: int = 3

        class Edit(Noun):
            """Told."""

            n: int = 3
    ''')
    assert "n?: number;" in written.split("interface Edit {")[0]
    assert "n: number;" in written.split("interface Edit {")[1]


def test_an_alias_keeps_its_name_and_its_literals() -> None:
    assert "export type State = 'running' | 'killed';" in typescript('State = Literal["running", "killed"]')


def test_an_annotation_without_a_typescript_equivalent_is_refused() -> None:
    with pytest.raises(schema_ts.UnknownType, match="set"):
        typescript('''
            class Odd(Noun):
                """Odd."""

                x: set[int]
        ''')


def test_a_tuple_of_words_becomes_a_constant() -> None:
    assert "export const SPLITS = ['train', 'val'] as const;" in typescript('SPLITS = ("train", "val")\n')
