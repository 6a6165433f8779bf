"""What `jena-etl doctor` checks: whether the project can be built here, and whether it is intact.

The checks are grouped by subject: the environment, DVC's own files, what has been built, and
the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from jena_etl.commands.doctor.build import EDIT_PARAMS, built_checks, dvc_refused
from jena_etl.commands.doctor.check import Check
from jena_etl.commands.doctor.credentials import check_credentials
from jena_etl.commands.doctor.dvc_files import mend, merge_driver, own_files
from jena_etl.commands.doctor.environment import check_environment, check_gpu
from jena_etl.commands.doctor.remote import check_remote, mend_remote
from jena_etl.errors import ParamsError, one_line
from jena_etl.models import configure_all
from jena_etl.params import Params, read_params
from jena_etl.project import Project

__all__ = [
    "Check",
    "as_dict",
    "examine",
    "examine_remote",
    "mend",
    "mend_remote",
    "render_checks",
]


def examine(project: Project, *, verify: bool) -> list[Check]:
    """Run all checks; a check that fails to run is reported as a fault, and the others still run.

    The project's folder may be in any state. With `verify`, every hash is recomputed, in the
    workspace and in DVC's cache.
    """
    root = project.root.resolve()
    params, params_check = _params(project)
    checks = [_guarded("environment", lambda: check_environment(root)), params_check]
    try:
        checks.append(own_files(root))
        if checks[-1].mark == "ok":  # otherwise DVC could not read anything else either
            checks += built_checks(project, params, verify=verify)
        if merging := merge_driver(root):
            checks.append(merging)
    except Exception as error:  # noqa: BLE001  DVC raises a dozen kinds of error
        checks.append(dvc_refused(error, root))
    checks.append(_guarded("credentials", lambda: check_credentials(root)))
    device = params.train.device if params else "auto"
    return [*checks, _guarded("gpu", lambda: check_gpu(root, device))]


def examine_remote(project: Project, *, verify: bool) -> list[Check]:
    """Check whether colleagues can get from the remote what git tells them to expect there.

    This needs nothing that was built, so it also runs where nothing has been pulled. With `verify`,
    every object on the remote is read and its hash recomputed.
    """
    root = project.root.resolve()
    checks = [_guarded("credentials", lambda: check_credentials(root))]
    try:
        checks.append(own_files(root))
        if checks[-1].mark != "fault":  # otherwise DVC cannot read dvc.lock
            checks += check_remote(root, verify=verify)
    except Exception as error:  # noqa: BLE001  DVC raises a dozen kinds of error
        checks.append(dvc_refused(error, root))
    return checks


def render_checks(checks: Iterable[Check]) -> str:
    """Format the report, one line per check."""
    lines = []
    for check in checks:
        line = f"{check.mark:<6} {check.name:<12} {check.found}"
        lines.append(f"{line}: {check.next}" if check.next else line)
    return "\n".join(lines)


def as_dict(checks: Iterable[Check]) -> dict[str, Any]:
    """The report for programs."""
    listed = [asdict(check) for check in checks]
    return {"sound": all(check["mark"] != "fault" for check in listed), "checks": listed}


def _params(project: Project) -> tuple[Params | None, Check]:
    try:
        params = read_params(project.params_yaml)
        configure_all(params)
    except (ParamsError, OSError) as error:
        found = "; ".join(one_line(error).splitlines())
        return None, Check("params", "fault", found, EDIT_PARAMS)
    return params, Check("params", "ok", f"architectures: {', '.join(params.architectures)}")


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  every check gets its line, whatever happens
        return Check(name, "fault", f"could not be checked: {type(error).__name__}: {error}")
