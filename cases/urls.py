from django.urls import path

from cases import api, file_views, search_views, views

urlpatterns = [
    path("messages/", views.messages_page, name="messages"),
    path("messages/new/", views.new_case, name="new-case"),
    path("messages/<int:number>/", views.messages_page, name="conversation"),
    path("api/cases/", api.CaseList.as_view(), name="api-cases"),
    path("api/cases/<int:number>/messages/", api.Messages.as_view(), name="api-messages"),
    path("api/cases/<int:number>/messages/<int:seq>/recall/", api.Recall.as_view(), name="api-recall"),
    path("api/cases/<int:number>/read/", api.Read.as_view(), name="api-read"),
    path("api/files/<uuid:key>/", file_views.FileBytes.as_view(), name="api-file"),
    path("api/files/<uuid:key>/thumbnail/", file_views.Thumbnail.as_view(), name="api-thumbnail"),
    path("api/active/", api.Active.as_view(), name="api-active"),
    # the state of what was sent
    # files
    # live
    path("api/cases/<int:number>/typing/", api.Typing.as_view(), name="api-typing"),
    # search
    path("messages/search/", search_views.search_page, name="search"),
    path("api/search/", search_views.Search.as_view(), name="api-search"),
    # the advisor's desk
    path("api/events/", api.EventsElsewhere.as_view(), name="api-events"),
]
