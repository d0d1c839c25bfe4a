"""Storage of static files with hashed names, for production."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it has no types
    """Storage with hashed names also inside `import … from "./x.js"`: an upgrade never mixes old and new modules."""

    support_js_module_import_aggregation = True
