"""What `import prefgym` offers."""

import prefgym


def test_dir_lists_the_public_names_and_nothing_else() -> None:
    names = dir(prefgym)
    assert {"PreferenceEnv", "PreferenceVectorEnv", "Run", "load_policy", "train", "train_offline"} <= set(names)
    assert not {"Any", "TYPE_CHECKING", "importlib", "register"} & set(names)
    assert [name for name in names if getattr(prefgym, name, None) is None] == []
