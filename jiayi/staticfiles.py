from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it has no types
    """Hashed names also inside `import … from "./x.js"`, so that an upgrade never mixes old and new modules."""

    support_js_module_import_aggregation = True
