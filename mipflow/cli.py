"""The shell's door: `mipflow lab`, `run`, `export`, `viva`, `class`, `solutions` and `doctor`.

It takes the command line, hands over to `lab` or `course`, and gives the exit status: 0 done, 1 something is missing
(doctor), 2 a bad call, reported in one line. Each command imports its modules when it runs, so the door opens fast.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from mipflow.errors import MipflowError
from mipflow.lab.folders import find_folder

_START = "labs/index.ipynb"
_PACKAGES = ("jupyterlab", "ipywidgets", "scapy", "networkx", "plotly")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; `arguments` are those of the shell unless given."""
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal or a pipe that lacks a letter shows its number
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        chosen = _parser().parse_args(arguments)
        status: int = chosen.command(chosen)
        sys.stdout.flush()
    except MipflowError as error:
        print(f"mipflow: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has gone, as in `| head`; Python would complain again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stop:
        if str(stop):
            print(f"mipflow: {stop}", file=sys.stderr)
        return 130
    return status


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports a bad call in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"mipflow: {message} ({self.prog} --help shows what is expected)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mipflow", description="Per-flow handover in Mobile IPv6, in one Python process.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (command, told, arguments) in _COMMANDS.items():
        made = commands.add_parser(name, help=told)
        for names, how in arguments:
            made.add_argument(*names, **how)
        made.set_defaults(command=command)
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 1 to 65535 is expected")


def _run(chosen: argparse.Namespace) -> int:
    from mipflow.sim.clock import Uncollected

    with Uncollected():  # what is imported stays, too
        from mipflow.lab import command

        return command.run(chosen)


def _export(chosen: argparse.Namespace) -> int:
    from mipflow.lab.panels.export import export

    page = export(chosen.notebook, chosen.html)
    print(f"wrote {page} ({page.stat().st_size / 1e6:.1f} MB): its pictures play in any browser, without a network")
    return 0


def _viva(chosen: argparse.Namespace) -> int:
    from mipflow.course.classroom.submissions import handed_in, viva, whose

    asked = viva(chosen.zip)
    if note := whose(chosen.zip, handed_in(chosen.zip)[0].who)[1]:
        print(note)
    for number, (question, answer) in enumerate(asked, start=1):
        print(f"{number}. {question}\n   Answer: {answer}\n")
    return 0


def _class(chosen: argparse.Namespace) -> int:
    from mipflow.course.classroom.classroom import Classroom, as_text, save_page, save_rows

    if chosen.roster is not None:
        from mipflow.course.classroom.roster import read_roster, roster

        print(as_text([roster(chosen.folder, read_roster(chosen.roster))]))
    classroom = Classroom(chosen.folder)
    sections = list(classroom.sections())
    if chosen.html is not None:
        save_page(chosen.html, sections, "What the class has answered")
    if chosen.csv is not None:
        save_rows(chosen.csv, classroom.counts())
    print(as_text(sections))
    return 0


def _solutions(chosen: argparse.Namespace) -> int:
    from mipflow.course.classroom.solutions import solutions

    for line in solutions(chosen.folder, chosen.labs):
        print(line)
    return 0


def _lab(chosen: argparse.Namespace) -> int:
    top = find_folder("labs").parent
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise MipflowError(f"JupyterLab does not start ({error}): try pip install jupyterlab") from error

    options = [f"--ServerApp.root_dir={top}", f"--ServerApp.port={chosen.port}"]
    options.append(f"--LabApp.default_url=/lab/tree/{_START}")
    if chosen.no_browser:
        options.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    with tempfile.TemporaryDirectory(prefix="mipflow-") as defaults:
        write_lab_defaults(Path(defaults))
        earlier = os.environ.get("JUPYTER_CONFIG_PATH")
        os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, (defaults, earlier)))
        LabApp.launch_instance(options)
    return 0


def write_lab_defaults(config: Path) -> None:
    """Write into the Jupyter configuration folder `config` that JupyterLab starts without its pop-up about news.

    Any folder on Jupyter's configuration path will do, so the settings in the user's home stay untouched.
    """
    folder = config / "labconfig"
    folder.mkdir(parents=True, exist_ok=True)
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (folder / "default_setting_overrides.json").write_text(json.dumps(quiet), encoding="utf-8")


def _doctor(chosen: argparse.Namespace) -> int:
    rows = list(_findings())
    width = max(len(name) for name, *_ in rows)
    for name, found, needed, remedy in rows:
        state = "ok" if found else "MISSING" if needed else "absent"
        print(f"{state:8} {name:{width}}  {found or remedy}")
    missing = [name for name, found, needed, _ in rows if needed and not found]
    print(f"\nMissing: {', '.join(missing)}." if missing else "\nAll that the labs need is here.")
    return 1 if missing else 0


def _findings() -> Iterator[tuple[str, str, bool, str]]:
    """Look for each thing that labs use; give its name, what was found or "", whether it is needed, how to get it."""
    python = platform.python_version()
    yield "python", python if sys.version_info >= (3, 11) else "", True, f"3.11 or newer; this is {python}"
    for package in _PACKAGES:
        yield package, _version(package), True, f"pip install {package}"
    for folder in ("labs", "datasets"):
        try:
            yield f"{folder}/", str(find_folder(folder)), True, ""
        except MipflowError as error:
            yield f"{folder}/", "", True, str(error)
    for tool, use in (
        ("tshark", "a second opinion on captures; apt install tshark, brew install wireshark"),
        ("chromium", "the browser tests; apt install chromium"),
    ):
        yield tool, shutil.which(tool) or "", False, f"optional, for {use}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


_Argument = tuple[tuple[str, ...], dict[str, Any]]


def _argument(*names: str, **how: Any) -> _Argument:
    return names, how


def _file(option: str, told: str) -> _Argument:
    return _argument(option, metavar="FILE", type=Path, help=told)


def _count(option: str, default: int, told: str) -> _Argument:
    return _argument(option, metavar="N", type=int, default=default, help=f"{told} (default: {default})")


_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str, list[_Argument]]] = {
    "lab": (_lab, "open the labs in JupyterLab", [
        _argument("--no-browser", action="store_true", help="serve only, and print the address"),
        _argument("--port", type=_port, default=8888, help="port to serve on (default: %(default)s)"),
    ]),
    "run": (_run, "run a scenario, with the traffic of a capture if you like", [
        _argument("scenario", help="a ready world: figure1 or figure2"),
        _file("--traffic", "replay this capture (pcap, pcapng, .gz)"),
        _argument("--handover", metavar="FLOW:INTERFACE@SECONDS", action="append", default=[],
                  help="move a flow to an interface at a time of the replay, as in 1:cell0@5; may be repeated"),
        _file("--rules", "the network operator's rules (JSON): what is one flow"),
        _file("--html", "save the animation as a page"),
        _file("--pcap", "save the packets as a capture"),
        _argument("--mode", help="triangular, tunnel or route_optimisation (default: the scenario's)"),
        _argument("--duration", metavar="SECONDS", type=float, help="virtual time (default: all of it)"),
        _argument("--mobile", metavar="ADDRESS", help="of the mobile node (default: who opens most flows)"),
        _argument("--silence", metavar="SECONDS", type=float, default=3600,
                  help="cut to this what is longer without a packet of any flow (default: %(default)s)"),
        _count("--seed", 0, "of all that is random"),
        _count("--cns", 2, "most correspondent nodes; further remote hosts share them"),
        _count("--min-packets", 3, "flows of fewer packets share a home address"),
        _count("--packets", 100_000, "most packets to read from the capture"),
    ]),
    "export": (_export, "make one HTML page of a notebook that was run and saved", [
        _argument("notebook", metavar="NOTEBOOK", type=Path, help="a notebook (.ipynb) with its outputs"),
        _file("--html", "the page (default: beside the notebook)"),
    ]),
    "viva": (_viva, "print three oral questions about a lab that was handed in, with answers", [
        _argument("zip", metavar="ID-labNN.zip", type=Path, help="what the learner's notebook made"),
    ]),
    "class": (_class, "count what a class predicted, believes and has gained, from a folder of what was handed in", [
        _argument("folder", metavar="DIR", type=Path, help="folder of ID-labNN.zip files, with folders in it if you"
                  " like; or nbgrader's folder submitted"),
        _file("--html", "save what is told as a page, too"),
        _file("--csv", "save the counts, one a row, too"),
        _file("--roster", "list of student numbers, one a line, or a CSV with a column id: say first who is missing or"
              " unknown"),
    ]),
    "solutions": (_solutions, "write the labs with their solutions, for who teaches", [
        _argument("folder", metavar="FOLDER", type=Path, help="new folder outside the labs; each goes into"
                  " FOLDER/labNN, as nbgrader's source has it"),
        _argument("labs", metavar="LAB", nargs="*", help="such as 07 (default: all)"),
    ]),
    "doctor": (_doctor, "say what is there, what is missing and how to get it", []),
}  # fmt: skip
"""Command -> its function, the line of help, and its arguments."""


if __name__ == "__main__":
    sys.exit(main())
