"""The command `mipflow run`: what it prints and writes, and one line with status 2 for every bad input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mipflow import cli
from mipflow.lab import command
from mipflow.wire.captures import capture
from tests.lab.frames import LAPTOP, LAPTOP_4, MEDIA, OFFICE, START_S, WEB, WEB_4, Connection, Frame, udp, write
from tests.oracles import mobility_faults

TRAFFIC = f"figure2 --traffic {OFFICE} --seed 7"


def run(line: str) -> int:
    return cli.main(["run", *line.split()])


def test_the_table_of_the_capture_that_ships(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{TRAFFIC} --handover 6:cell0@5") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "figure2, office.pcap: 16 flows in 16.438 s"
    assert re.fullmatch(r"All is bound \d+\.\d{6} s after the world began: time zero of .*", lines[1])
    assert any(
        re.fullmatch(r"  at 5\.000 s flow 6 moves to cell0, and no other; acknowledged \d+\.\d ms later", one)
        for one in lines
    )
    assert max(map(len, lines)) <= 120 and not any(line.endswith(" ") for line in lines)
    rows = {fields[0]: fields for fields in (line.split() for line in lines) if fields and fields[0].isdigit()}
    assert set(rows) >= {str(number) for number in range(1, 17)}
    assert rows["2"][1:9] == ["UDP", "51009", ">", "5201", "CN1", "2001:db8:100::11", "2001:db8:200::10", "up"]
    assert rows["2"][9:12] == ["751", "751", "0"]
    below = lines[next(k for k, line in enumerate(lines) if line.startswith("   6  TCP")) + 1].split()
    assert (
        below[1:5] == ["ms", ">", "2001:db8:300::10", "down"] and sum("2001:db8:300::10" in line for line in lines) == 1
    )
    delivered = next(k for k, line in enumerate(lines) if line == "Delivered") + 1
    assert " ".join(map(str.strip, lines[delivered : delivered + 2])) == (
        "7 TCP flows delivered all of their 1121232 octets, 1116342 of them zeros for what the capture lacks, "
        "the others as they were written"
    )
    assert "  CN1 stands for 2001:db8:30::50 and 192.0.2.150" in lines and "  8  ICMPv6 that is no echo" in lines
    assert "\r" not in err


def exchanges(*at_ms: float) -> list[Frame]:
    """Make a datagram each way at these times, 50 ms apart."""
    both = udp(LAPTOP, 4000, WEB, 123, 48), udp(WEB, 123, LAPTOP, 4000, 48)
    return [(at + more, packet) for at in at_ms for more, packet in zip((0, 50), both, strict=True)]


def figures(out: str) -> list[list[str]]:
    """Return the sent, received and lost packets of every flow, up and down."""
    rows = [line.split() for line in out.splitlines() if " up " in line or " down " in line]
    return [row[row.index("up" if "up" in row else "down") + 1 :][:3] for row in rows]


@pytest.mark.parametrize("handover", ["", "--handover 1:cell0@350", "--handover 1:cell0@400.02"])
def test_a_flow_that_is_silent_past_its_limit(
    handover: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "x.pcap", exchanges(0, 400_000, 800_000))
    assert run(f"figure2 --seed 7 --traffic {path} {handover}") == 0
    out = capsys.readouterr().out
    assert figures(out) == [["3", "3", "0"]] * 2 and "1 flows in 800.050 s\n" in out
    assert ("flow 1 moves to cell0, and no other; acknowledged" in out) is bool(handover)


def test_time_that_differs_from_the_capture_has_that_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "x.pcap", exchanges(5000 - START_S * 1000, 0))
    assert run(f"figure2 --traffic {path} --handover 1:cell0@3600.06") == 0
    out = capsys.readouterr().out
    assert figures(out) == [["2", "2", "0"]] * 2
    assert "1 flows in 3600.100 s (1699999995.050 s by the capture's clock)\n" in out
    assert "  at 3600.060 s (1699999995.010 s by the capture's clock) flow 1 moves to cell0" in out
    assert "silence of all flows at 0.050 s cut to 3600 s, 1699996394.950 s less; --silence says otherwise" in out
    assert run(f"figure2 --traffic {path} --silence 20 --handover 1:cell0@25 --duration 30") == 2
    span = "0.000 to 20.100 s (0.000 to 1699999995.050 s by the capture's clock)"
    assert f"flow 1 has ended at 25 s; give a time from {span}, or another flow" in capsys.readouterr().err
    assert run(f"figure2 --traffic {path} --silence 20 --handover 1:cell0@10 --duration 15") == 0
    out = capsys.readouterr().out
    assert figures(out) == [["1", "1", "0"]] * 2 and "  at 10.000 s flow 1 moves to cell0" in out


def test_a_connection_whose_clock_steps_back_is_one_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = Connection()
    frames = [*one.handshake(0, 1, 1), (3, one.segment(True, 0, bytes(100)))]
    frames += [(-9980, one.segment(False, 0, bytes(200), 100)), (-9960, one.segment(True, 100, ack=200, flags="F"))]
    frames += [(-9950, one.segment(False, 200, ack=101, flags="F")), (-9940, one.segment(True, 101, ack=201))]
    assert run(f"figure2 --traffic {write(tmp_path / 'x.pcap', frames)} --handover 1:cell0@0.02") == 0
    out = capsys.readouterr().out
    assert "x.pcap: 1 flows in 0.043 s" in out and "flow 1 moves to cell0, and no other" in out
    assert "  1 TCP flows delivered all of their 300 octets, each as it was written" in out
    assert "the capture's clock was set back by 9.983 s at 0.003 s: time goes on from there" in out


TWO_DAYS = exchanges(*(k * 7_200_000 for k in range(30)))


def test_more_than_a_day_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "x.pcap", TWO_DAYS)
    assert run(f"figure2 --traffic {path}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "lasts 104402 s with silences cut to 3600 s; expected at most 86400, give a shorter --silence" in line


@pytest.mark.slow
def test_a_day_of_silences_is_run_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "x.pcap", TWO_DAYS)
    assert run(f"figure2 --traffic {path} --silence 2900 --handover 1:cell0@80000") == 0
    assert figures(capsys.readouterr().out) == [["30", "30", "0"]] * 2


def test_without_a_capture_there_are_a_call_and_a_video(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("figure2 --handover 2:cell0@5 --duration 8") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "figure2, a call and a video: 2 flows in 8.000 s"
    assert sum("2001:db8:300::10" in line for line in lines) == 1 and any(
        "flow 2 moves to cell0" in one for one in lines
    )
    assert run("figure1 --handover 2:cell0@5") == 0
    assert "and with it 1, which share its binding" in capsys.readouterr().out


def test_a_part_of_a_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{TRAFFIC} --duration 3.5 --packets 500 --mobile {LAPTOP} --cns 1 --min-packets 0 --mode tunnel") == 0
    out = capsys.readouterr().out
    assert "reading stopped after 500 packets; there are more" in out and "octets have arrived" in out
    path = write(
        tmp_path / "x.pcap",
        [(0, udp(LAPTOP, 1, WEB, 2)), (1, udp(LAPTOP_4, 1, WEB_4, 2)), (2, udp(WEB, 1, MEDIA, 2))],
    )
    assert run(f"figure2 --traffic {path} --mobile {LAPTOP},{LAPTOP_4} --cns 4") == 0
    out = capsys.readouterr().out
    assert re.search(r"between \S+ and \S+, not the mobile node and", out) and "  2  UDP 1 > 2" in out


def test_the_files(tmp_path: Path, tshark: str, capsys: pytest.CaptureFixture[str]) -> None:
    html, pcap = tmp_path / "out.html", tmp_path / "out.pcap"
    pcap.write_text("older")
    assert run(f"{TRAFFIC} --handover 6:cell0@5 --html {html} --pcap {pcap}") == 0
    assert f"{html}: open it in a browser" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.html", "out.pcap"]
    assert html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert sum(1 for _ in capture.read(pcap)) > 4000 and mobility_faults(pcap) == []
    checksums = " || ".join(f"{protocol}.checksum.status==0" for protocol in ("udp", "tcp", "icmpv6"))
    wrong = f"_ws.malformed || mip6.bogus_header_length || {checksums}"
    options = f"{tshark} -n -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE".split()
    found = subprocess.run([*options, "-r", pcap, "-Y", wrong], capture_output=True, text=True, check=True)
    assert found.stdout == ""


def test_the_capture_is_the_same_whether_the_trace_is_kept_or_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line, told = f"{TRAFFIC} --handover 6:cell0@5 --duration 9", []
    for options in ("", f"--pcap {tmp_path / 'alone'}", f"--pcap {tmp_path / 'both'} --html {tmp_path / 'page'}"):
        assert run(f"{line} {options}") == 0
        told.append(capsys.readouterr().out.split("\n\nWritten")[0].strip())
    assert (tmp_path / "alone").read_bytes() == (tmp_path / "both").read_bytes() and told == [told[0]] * 3


@pytest.mark.parametrize(
    ("line", "named", "advice"),
    [
        ("figure3", "'figure3'", "expected one of figure1, figure2"),
        ("figure2 --traffic nowhere.pcap", "nowhere.pcap", "expected a pcap"),
        (f"figure2 --traffic {__file__}", "test_command.py", "expected a pcap"),
        ("figure2 --traffic empty.pcap", "empty.pcap is empty", "expected a pcap"),
        ("figure2 --traffic .", ".", "expected a pcap"),
        (f"{TRAFFIC} --handover 17:cell0@5", "flow 17", "flows 1 to 16"),
        (f"{TRAFFIC} --handover 6:cell1@5", "'cell1'", "expected one of wlan0, cell0"),
        (f"{TRAFFIC} --handover 6:cell0@2.9", "at 2.9 s", "give a time from 2.936 to 12.159 s"),
        (f"{TRAFFIC} --handover 6:cell0@12.2", "at 12.2 s", "give a time from 2.936 to 12.159 s"),
        (f"{TRAFFIC} --handover 6:cell0@-5", "at -5 s", "give a time from 2.936 to 12.159 s"),
        (f"{TRAFFIC} --handover 6-cell0-5", "'6-cell0-5'", "such as 1:cell0@5"),
        (f"{TRAFFIC} --handover 6:cell0@5 --duration 4", "at 5 s", "ends at 4 s"),
        (f"{TRAFFIC} --mobile 2001:db8::1", "'2001:db8::1'", f"choose from {LAPTOP}"),
        (f"{TRAFFIC} --cns 0", "--cns 0", "expected 1 to 64"),
        (f"{TRAFFIC} --packets 0", "--packets 0", "expected 1 to 1000000"),
        (f"{TRAFFIC} --packets 1000001", "--packets 1000001", "expected 1 to 1000000"),
        (f"{TRAFFIC} --min-packets -1", "-1", "expected 0 to 1000000"),
        (f"{TRAFFIC} --min-packets {10**30}", f"{10**30}", "expected 0 to 1000000"),
        (f"figure2 --seed {2**63}", f"--seed {2**63}", "expected"),
        (f"figure2 --seed -{2**63 + 1}", f"--seed -{2**63 + 1}", "expected"),
        ("figure2 --packets 0", "--packets 0", "expected 1 to 1000000"),
        (f"{TRAFFIC} --mode fast", "'fast'", "expected one of"),
        (f"{TRAFFIC} --html nowhere/out.html", "nowhere/out.html", "a folder that exists"),
        (f"{TRAFFIC} --pcap folder", "folder", "give the name of a file in a folder"),
        (f"{TRAFFIC} --pcap /dev/null", "/dev/null", "give the name of a file in a folder"),
        (f"{TRAFFIC} --pcap {OFFICE}", "office.pcap", "choose another name"),
        (f"{TRAFFIC} --pcap out.x --html out.x", "out.x", "choose another name"),
        (f"{TRAFFIC} --handover {'6' * 5000}:cell0@5", "handover '666", "such as 1:cell0@5"),
        (f"{TRAFFIC} --handover 6:cell0@{'6' * 5000}", "handover '6:c", "such as 1:cell0@5"),
        (f"{TRAFFIC} --silence 0", "--silence 0", "expected 0.001 to 86400"),
        (f"{TRAFFIC} --silence nan", "--silence nan", "expected 0.001 to 86400"),
        (f"{TRAFFIC} --silence 1e9", "--silence 1000000000.0", "expected 0.001 to 86400"),
        ("figure2 --cns 65", "--cns 65", "expected 1 to 64"),
        ("figure2 --duration 0", "--duration 0", "expected 0.001 to 3600"),
        ("figure2 --duration nan", "--duration nan", "expected 0.001 to 3600"),
        ("figure2 --duration inf", "--duration inf", "expected 0.001 to 3600"),
        ("figure2 --duration 1e12", "--duration 1000000000000.0", "expected 0.001 to 3600"),
        ("figure2 --duration 3601", "--duration 3601", "expected 0.001 to 3600"),
        (f"{TRAFFIC} --duration 86401", "--duration 86401", "expected 0.001 to 86400"),
        ("figure2 --traffic /dev/zero", "/dev/zero", "expected a pcap"),
        ("figure2 --traffic pipe", "pipe: it is no ordinary file", "expected a pcap"),
        ("figure2 --rules /dev/zero", "/dev/zero", "expected a file such as datasets/rules/operator.json"),
        ("figure2 --rules pipe", "pipe: it is no ordinary file", "expected a file such as"),
        ("figure2 --rules hole", "hole: it has more than 1048576 octets", "expected a file such as"),
        ("figure2 --traffic hole", "hole", "expected a pcap"),
        ("figure2 --pcap pipe", "pipe", "give the name of a file in a folder"),
        ("figure2 --html loop", "loop", "give the name of a file in a folder"),
        ("figure2 --mobile 2001:db8::1", "2001:db8::1", "--traffic"),
        ("figure2 --handover 3:cell0@5", "flow 3", "flows 1 to 2"),
        ("figure2 --handover 1:cell0@-5", "at -5 s", "from 0.000 to 20.000 s"),
        ("figure2 --handover 1:cell0@21", "at 21 s", "longer --duration"),
        ("figure2 --handover 1:lte@2", "'lte'", "expected one of wlan0, cell0"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2_and_nothing_is_written(
    line: str,
    named: str,
    advice: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.pcap").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with (tmp_path / "hole").open("wb") as hole:
        hole.truncate(1 << 36)
    before = sorted(path.name for path in tmp_path.iterdir())
    more = "" if "--pcap" in line or "--html" in line else " --pcap good.pcap --html good.html"
    assert run(line + more) == 2
    out, err = capsys.readouterr()
    last = err.splitlines()[-1]
    assert out == "" and last.startswith("mipflow: ") and named in last and advice in last
    assert all(not text.startswith("mipflow") for text in err.splitlines()[:-1])
    assert len(last) < 400
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(*where: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)  # root may write everywhere
    assert run(f"figure2 --pcap {tmp_path / 'x.pcap'}") == 2
    assert "x.pcap cannot be written: Permission denied; give the name of a file" in capsys.readouterr().err


def test_progress_is_shown_after_a_second(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    monkeypatch.setattr(command.time, "monotonic", lambda: now[0])
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=is_terminal: answer)
        progress = command._Progress()
        for step in range(100):
            now[0] += 0.1
            progress(f"step {step}")
        progress.close()
        out, err = capsys.readouterr()
        assert out == ""
        if is_terminal:
            assert err.startswith("\r\x1b[Kstep 1") and err.endswith("\r\x1b[K") and "\n" not in err
        else:
            assert len(err.splitlines()) == 2 and "\r" not in err
    command._Progress()("a moment")
    assert capsys.readouterr().err == "", "what takes no second needs none"
