"""Cases and their conversations: the domain of the product.

`models`, `actions` (every change of state), `queries` and `serializers` are shared; each room beside them (`desk`,
`files`, `live`, `record`, `search`) serves one purpose and may import the shared modules, but no other room, except
that `live` shows the notes of `desk`. Views, API, admin and demo stand on top. Imports `advisors`, `members` and
`jiayi`; of the apps, only `wecom` may import this one. The import contract in pyproject.toml checks all of it.
"""
