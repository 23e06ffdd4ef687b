"""Checkpoints from the Hugging Face hub: what has come stays, the rest is asked for again, and every file is checked.

`huggingface_hub` itself begins a file anew when its process was ended, and of 140 GB that is no small thing. So it asks
the hub, shows the progress and mends broken connections, and what lies on the disk in between is ours.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SETTINGS = r"(generation_)?config\.json|params\.json|added_tokens\.json|tokenizer\.model|tokenizer(_config)?\.json"
WEIGHTS = (  # the first of these that a repository has is fetched
    r"model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json",
    r"pytorch_model(-\d+-of-\d+)?\.bin|pytorch_model\.bin\.index\.json",
    r"consolidated\.\d\d\.pth",
)


class HubError(RuntimeError):
    """Something cannot be fetched; the message says why and what to do."""


def fetch(
    repo: str,
    folder: Path | str,
    files: Collection[str] = (),
    revision: str | None = None,
    token: str | None = None,
) -> Path:
    """Bring a repository's checkpoint to this machine; what is there already is checked and not fetched again.

    Stopped at any time, by Ctrl-C, a crash or the network, it goes on where it was when it is called again.

    Args:
        repo: "owner/name".
        folder: where the files shall be; `load` opens it.
        files: their names; none: settings, tokenizer and weights, in safetensors where there are any.
        revision: a branch, tag or commit; None is the newest.
        token: of who may read it; None takes the one that `hf auth login` has kept, if there is one.

    Returns:
        The folder.

    Raises:
        HubError: no network, no such repository or file, no licence accepted, too small a disk, a wrong checksum.
        ValueError: repo is no name of a repository.
    """
    folder = Path(folder).expanduser()
    with _explained(repo):
        import huggingface_hub as hub

        info = hub.HfApi(token=token).model_info(repo, revision=revision, files_metadata=True)
        chosen = _chosen(repo, {file.rfilename: file for file in info.siblings}, files)
        parts = {name: folder / f".{name}.{file.blob_id}.part" for name, file in chosen.items()}
        missing = {name: file for name, file in chosen.items() if not _is_there(folder / name, file)}
        folder.mkdir(parents=True, exist_ok=True)
        come = {name: parts[name].stat().st_size if parts[name].exists() else 0 for name in missing}
        to_come = sum(file.size - come[name] for name, file in missing.items())
        if to_come > (free := shutil.disk_usage(folder).free):
            raise HubError(f"{repo}: {to_come / 1e6:.1f} MB are to come, {folder} has room for {free / 1e6:.1f} MB")
        for name, file in missing.items():
            url = hub.hf_hub_url(repo, name, revision=info.sha)
            _fetch_file(url, hub.utils.build_hf_headers(token=token), file, parts[name])
            os.replace(parts[name], folder / name)
    return folder


def _chosen(repo: str, found: dict[str, Any], files: Collection[str]) -> dict[str, Any]:
    """The files to fetch, by name."""
    if not files:
        weights = next((kind for kind in WEIGHTS if any(re.fullmatch(kind, name) for name in found)), None)
        if weights is None:
            raise HubError(f"{repo} holds no weights that `load` opens, only {', '.join(sorted(found)[:8])}")
        files = [name for name in found if re.fullmatch(f"{SETTINGS}|{weights}", name)]
    if lacking := [name for name in files if name not in found]:
        raise HubError(f"{repo} holds no file {lacking[0]!r}; there are {', '.join(sorted(found)[:8])}")
    return {name: found[name] for name in files}


def _is_there(path: Path, file: Any) -> bool:
    """Whether a file has come whole; another one under its name is not ours to replace."""
    if path.exists() and not (path.stat().st_size == file.size and _is_whole(path, file)):
        raise HubError(f"{path} is not the hub's file: damaged, or of another version. Move it away, and call again")
    return path.exists()


def _fetch_file(url: str, headers: dict[str, str], file: Any, part: Path) -> None:
    """Fetch what a part still lacks, and check the whole; the name of a part says of which content it is one."""
    from huggingface_hub.file_download import http_get

    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as out:
        http_get(url, out, resume_size=out.tell(), headers=headers, expected_size=file.size)
    if not _is_whole(part, file):
        part.unlink()
        raise HubError(
            f"{file.rfilename} came with a wrong checksum: it was damaged on its way, and is deleted. Call again"
        )


def _is_whole(path: Path, file: Any) -> bool:
    """Whether a file's checksum is the hub's: SHA-256 of a large one, Git's SHA-1 of a small one."""
    if not file.lfs:
        return hashlib.sha1(f"blob {path.stat().st_size}\0".encode() + path.read_bytes()).hexdigest() == file.blob_id
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.lfs.sha256


@contextmanager
def _explained(repo: str) -> Iterator[None]:
    """Errors of the hub and of the network, as what they mean and what to do."""
    try:
        from huggingface_hub import constants, errors
    except ImportError:
        raise HubError('huggingface_hub is not installed: %pip install "huggingface_hub>=1,<3"') from None
    hub = constants.ENDPOINT
    try:
        yield
    except errors.GatedRepoError as error:
        raise HubError(
            f"{repo} is open only to those who have accepted its licence. Accept it at {hub}/{repo} (it may take hours "
            f"until access is granted), make a token at {hub}/settings/tokens, then run `hf auth login` or pass token="
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{repo} has no such revision: see {hub}/{repo}/commits") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(f"{hub} shows no {repo}: look at its spelling, and if it is private, at your token") from error
    except errors.HfHubHTTPError as error:
        raise HubError(f"{hub} refuses {repo}: {str(error).splitlines()[0]}") from error
    except (errors.OfflineModeIsEnabled, errors.HTTPError) as error:
        raise HubError(
            f"{hub} cannot be reached ({type(error).__name__}): without a network nothing can be fetched. What has "
            "come stays; a folder that was copied here by other means can be opened by `load`"
        ) from error
